"""Nexmark's queries against DuckDB: over a file, a pipe that is read as a stream, a topic, with
events out of order; at three rates of event time, so that windows hold many events, some, and
hardly any. `Tests/run --long` takes more events."""

import collections
import tempfile

import harness
from harness import equal
from nexmark import EXPECTED, DataSet, difference

NEEDS_CLIENTS = True
EVENTS = 40_000 if harness.is_long else 5_000
RATES = (10_000, 40, 1)
made = {}


def data_set(rate, disorder=0):
    """`disorder`: by how many milliseconds events come too late at most."""
    if (rate, disorder) not in made:
        made[rate, disorder] = DataSet(
            tempfile.mkdtemp(prefix="nexmark-"), rate, EVENTS, harness.seed, disorder)
    return made[rate, disorder]


def check(query, data, way):
    # A window over several wins of a seller in one millisecond has no one answer.
    if query == "q6" and data.rate > 1000:
        return None
    try:
        found = getattr(data, way)(query)
    except Exception as error:
        return str(error)[-900:]
    return difference(found, data.expected(query))


def compare(data, way):
    wrong = {query: check(query, data, way) for query in EXPECTED}
    wrong = {query: text for query, text in wrong.items() if text}
    assert not wrong, (f"seed {harness.seed}\n"
                       + "\n".join(f"{query}: {text}" for query, text in wrong.items()))


def test_finite_at_10000_events_a_second():
    compare(data_set(10_000), "finite")


def test_finite_at_40_events_a_second():
    compare(data_set(40), "finite")


def test_finite_at_an_event_a_second():
    compare(data_set(1), "finite")


def test_endless_at_10000_events_a_second():
    compare(data_set(10_000), "endless")


def test_endless_at_40_events_a_second():
    compare(data_set(40), "endless")


def test_endless_at_an_event_a_second():
    compare(data_set(1), "endless")


def test_out_of_order_within_the_delay_of_the_watermark():
    data = data_set(100, disorder=3_900)
    compare(data, "finite")
    compare(data, "endless")


def test_the_changes_of_a_finite_run_add_up_to_its_result():
    compare(data_set(100, disorder=3_900), "changes")


def test_a_pipe_that_ends_and_a_topic_are_as_a_file():
    data = data_set(40)
    compare(data, "pipe")
    data.write_topic()
    compare(data, "topic")


def test_rows_that_are_too_late_are_missing_alike_in_a_finite_and_an_endless_run():
    data = data_set(100, disorder=30_000)
    for query in ("q5", "q8", "q11"):
        finite = data.finite(query)
        assert finite != data.expected(query), f"{query}: no row was late"
        wrong = difference(data.endless(query), finite)
        assert not wrong, f"seed {harness.seed}, {query}: {wrong}"
    wrong = difference(data.finite("q5"), data.hop_in_time())
    assert not wrong, f"seed {harness.seed}, q5: {wrong}"


def test_windows_of_processing_time_count_every_bid():
    data = data_set(10_000)
    counts = collections.Counter()
    for row, times in data.finite("q12").items():
        counts[row[0]] += row[1] * times
    expected = dict(data.database.execute("SELECT bidder, COUNT(*) FROM bid GROUP BY 1").fetchall())
    equal({int(k): int(v) for k, v in counts.items()}, expected)

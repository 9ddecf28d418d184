"""`rtd query`: each administrative statement, each kind of error, each format, against a server of
our own and against librdkafka's mock brokers."""

import contextlib
import json
import os
import pathlib
import pty
import signal
import subprocess
import sys

import harness
from harness import Server, Skip, contains, equal
from home import Home, outcome


def rows(home, sql, *options):
    """The rows of a statement that has to succeed."""
    done = home.rtd("query", *options, sql)
    equal((done.returncode, done.errors), (0, ""), sql)
    return [json.loads(line) for line in done.text.splitlines()]


def refused(home, sql, message, *parts, status=1, options=()):
    """The first line of stderr is exactly the message; the parts follow."""
    done = home.rtd("query", *options, sql)
    equal((done.returncode, done.text, done.errors.split("\n")[0]),
          (status, "", f"rtd: {message}"), sql)
    for part in parts:
        contains(done.errors, part)
    return done


def test_topics_are_created_shown_and_dropped():
    with Home() as home:
        equal(rows(home, "SHOW TOPICS"), [])
        outcome(home.rtd("query", "CREATE TOPIC t WITH (partitions = 3, 'retention.ms' = 60000)"),
                0, "", "")
        outcome(home.rtd("query", 'create topic if not exists "My-Topic"'), 0, "", "")
        equal([(r["name"], r["partitions"], r["replicas"]) for r in rows(home, "SHOW TOPICS")],
              [("My-Topic", 4, 1), ("t", 3, 1)])
        internal = [r["name"] for r in rows(home, "SHOW ALL TOPICS") if r["internal"]]
        assert all(name.startswith("_") for name in internal), internal
        outcome(home.rtd("query", "CREATE TOPIC IF NOT EXISTS t"), 0, "",
                'rtd: topic "t" already exists, skipping\n')
        outcome(home.rtd("query", "-q", "CREATE TOPIC IF NOT EXISTS t"), 0, "", "")
        outcome(home.rtd("query", 'DROP TOPIC "My-Topic", t'), 0, "", "")
        outcome(home.rtd("query", "DROP TOPIC IF EXISTS t"), 0, "",
                'rtd: topic "t" does not exist, skipping\n')
        equal(rows(home, "SHOW TOPICS"), [])


def test_describe_shows_partitions_offsets_size_and_retention():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC t WITH (partitions = 2, retention.ms = 60000, "
                 "cleanup.policy = 'delete')")
        home.rtd("produce", "t", "-p", "1", input="a\nb\nc\n")
        first, second = rows(home, "DESCRIBE t")
        equal({k: first[k] for k in ("partition", "leader", "start_offset", "end_offset",
                                     "bytes", "cleanup_policy", "retention_ms",
                                     "retention_bytes")},
              {"partition": 0, "leader": second["leader"], "start_offset": 0, "end_offset": 0,
               "bytes": 0, "cleanup_policy": "delete", "retention_ms": 60000,
               "retention_bytes": -1})
        equal((first["replicas"], first["isr"]), ([first["leader"]], [first["leader"]]))
        equal((second["partition"], second["start_offset"], second["end_offset"]), (1, 0, 3))
        assert second["bytes"] > 61, second


def test_configs_are_set_reset_and_shown():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC t")

        def config(name, owner="TOPIC t"):
            return [(r["value"], r["source"]) for r in rows(home, f"SHOW CONFIGS FOR {owner}")
                    if r["name"] == name][0]
        equal(config("retention.ms"), ("604800000", "default"))
        outcome(home.rtd("query", "ALTER TOPIC t SET ('retention.ms' = 1000, "
                         "\"max.message.bytes\" = 5000)"), 0, "", "")
        equal(config("retention.ms", "t"), ("1000", "topic"))
        equal(config("max.message.bytes"), ("5000", "topic"))
        outcome(home.rtd("query", "ALTER TOPIC t RESET (retention.ms)"), 0, "", "")
        equal(config("retention.ms"), ("604800000", "default"))
        equal(config("max.message.bytes"), ("5000", "topic"))
        equal(config("num.partitions", "BROKER")[0], "4")
        equal(rows(home, "SHOW CONFIGS"), rows(home, "SHOW CONFIGS FOR BROKER"))
        refused(home, "SHOW CONFIGS FOR BROKER 77", "broker 77 does not exist (42704)")


def test_partitions_are_added_but_not_removed():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC t WITH (partitions = 1)")
        outcome(home.rtd("query", "ALTER TOPIC t ADD PARTITIONS 2"), 0, "", "")
        equal(len(rows(home, "DESCRIBE t")), 3)
        outcome(home.rtd("query", "ALTER TOPIC t SET (partitions = 5)"), 0, "", "")
        outcome(home.rtd("query", "ALTER TOPIC t SET (partitions = 5)"), 0, "", "")
        equal(len(rows(home, "DESCRIBE t")), 5)
        refused(home, "ALTER TOPIC t SET (partitions = 2)",
                'topic "t" has 5 partitions, which cannot become fewer (22023)')
        refused(home, "ALTER TOPIC t ADD PARTITIONS 0",
                "0 is no number of partitions to add (22023)")
        outcome(home.rtd("query", "ALTER TOPIC IF EXISTS u ADD PARTITIONS 2"), 0, "",
                'rtd: topic "u" does not exist, skipping\n')


def test_records_are_deleted_from_the_start_of_the_log():
    with Home() as home:
        home.rtd("produce", "t", input="".join(f"{n}\n" for n in range(10)))
        home.rtd("query", "DELETE FROM t WHERE _offset < 4 AND _partition = 0")
        equal(home.rtd("consume", "t", "-e").text, "4\n5\n6\n7\n8\n9\n")
        home.rtd("query", "DELETE FROM t WHERE _offset <= 5")
        equal(rows(home, "DESCRIBE t")[0]["start_offset"], 6)
        outcome(home.rtd("query", "DELETE FROM t WHERE _offset < 2"), 0, "", "")
        outcome(home.rtd("query", "DELETE FROM t WHERE _offset < 1000"), 0, "", "")
        equal(rows(home, "DESCRIBE t")[0]["start_offset"], 10)
        home.rtd("produce", "t", input="x\n")
        outcome(home.rtd("query", "DELETE FROM t"), 0, "", "")
        equal(rows(home, "DESCRIBE t")[0]["start_offset"], 11)
        refused(home, "DELETE FROM t WHERE a = 1",
                "this condition is not supported by DELETE (0A000)", "HINT:  ")
        refused(home, "DELETE FROM t WHERE _partition = 3",
                'topic "t" has no partition 3 (22023)', "HINT:  It has partition 0.")


def test_a_group_of_each_kind_is_described_with_its_members():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC m WITH (partitions = 2)")
        home.rtd("produce", "m", "-p", "0", input="a\nb\n")
        for kind in "classic", "consumer", "share":
            members = [home.start("consume", "m", "-g", kind, "--protocol", kind,
                                  "-X", f"client.id={kind}{number}") for number in range(2)]

            def shared():
                """Each member reads something, and the group has been where the records are."""
                done = home.rtd("query", f"DESCRIBE GROUP {kind}")
                if "does not exist" in done.errors:
                    return None
                equal((done.returncode, done.errors), (0, ""), kind)
                found = [json.loads(line) for line in done.text.splitlines()]
                read = {row["client"] for row in found if row["partition"] is not None}
                lags = [row["lag"] for row in found if row["partition"] == 0]
                return found if read == {f"{kind}0", f"{kind}1"} and lags[:1] == [0] else None

            found = harness.eventually(shared, 60, what=f"two members of {kind}")
            equal({(row["topic"], row["state"]) for row in found}, {("m", "Stable")}, kind)
            assert all(row["member"] and row["host"] for row in found), found
            # In a share group several members read a partition.
            equal({row["partition"] for row in found}, {0, 1}, kind)
            if kind != "share":
                equal(len(found), 2, kind)
                refused(home, f"ALTER GROUP {kind} RESET OFFSETS TO EARLIEST",
                        f'group "{kind}" has 2 members (55006)')
            for member in members:
                member.terminate()
                member.communicate(timeout=30)
            row = next(row for row in rows(home, f"DESCRIBE GROUP {kind}") if row["partition"] == 0)
            equal((row["member"], row["committed_offset"], row["state"]), (None, 2, "Empty"), kind)


def test_offsets_of_a_group_are_reset():
    with Home() as home:
        for number in range(5):
            home.rtd("produce", "-J", "t", input=json.dumps(
                {"value": str(number), "timestamp": 1_700_000_000_000 + number * 1000}))

        def offset_after(place):
            done = home.rtd("query", f"ALTER GROUP g RESET OFFSETS TO {place}")
            equal((done.returncode, done.text), (0, ""), done.errors)
            row, = rows(home, "DESCRIBE GROUP g")
            equal((row["topic"], row["partition"], row["end_offset"]), ("t", 0, 5))
            equal(row["lag"], 5 - row["committed_offset"])
            return row["committed_offset"], done.errors

        refused(home, "ALTER GROUP g RESET OFFSETS TO LATEST",
                'group "g" does not exist (42704)')
        equal(offset_after("LATEST FOR TOPIC t"), (5, ""))
        equal(offset_after("EARLIEST"), (0, ""))
        equal(offset_after("OFFSET 3 FOR t PARTITION 0"), (3, ""))
        equal(offset_after("TIMESTAMP '2023-11-14T22:13:21.500Z'"), (2, ""))
        equal(offset_after("TIMESTAMP '2100-01-01'"), (5, ""))
        equal(offset_after("OFFSET 77"), (5, 'rtd: topic "t" partition 0: 77 is outside the log, '
                                          "the offset is set to 5\n"))
        equal([(r["name"], r["state"]) for r in rows(home, "SHOW GROUPS")], [("g", "Empty")])
        refused(home, "ALTER GROUP g RESET OFFSETS TO TIMESTAMP 'soon'",
                'invalid input syntax for type timestamp: "soon" (22007)', "HINT:  ")
        outcome(home.rtd("query", "DROP GROUP g"), 0, "", "")
        equal(rows(home, "SHOW GROUPS"), [])
        refused(home, "DROP GROUP g", 'group "g" does not exist (42704)')
        outcome(home.rtd("query", "DROP GROUP IF EXISTS g"), 0, "",
                'rtd: group "g" does not exist, skipping\n')


def test_a_group_with_members_is_described_and_kept():
    if not harness.has_clients:
        raise Skip("needs confluent-kafka")
    from confluent_kafka import Consumer
    with Home() as home, Server() as server:
        broker = ("-b", server.address)
        home.rtd("produce", "t", *broker, input="a\nb\n")
        consumer = Consumer({"bootstrap.servers": server.address, "group.id": "my-group",
                             "client.id": "reader", "auto.offset.reset": "earliest"})
        try:
            consumer.subscribe(["t"])
            message = consumer.poll(20)
            consumer.commit(message=message, asynchronous=False)
            row, = rows(home, 'DESCRIBE GROUP "my-group"', *broker)
            equal((row["topic"], row["partition"], row["committed_offset"], row["lag"],
                   row["client"], row["state"]), ("t", 0, 1, 1, "reader", "Stable"))
            refused(home, 'ALTER GROUP "my-group" RESET OFFSETS TO EARLIEST',
                    'group "my-group" has a member (55006)', "HINT:  ", options=broker)
            refused(home, 'DROP GROUP "my-group"', 'group "my-group" has members (55006)',
                    options=broker)
        finally:
            consumer.close()


def test_errors_show_the_line_and_a_caret():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC orders; CREATE TOPIC a.b")
        outcome(home.rtd("query", "DESCRIBE nosuch"), 1, "",
                'rtd: relation "nosuch" does not exist (42P01)\n'
                "LINE 1: DESCRIBE nosuch\n"
                "                 ^\n")
        outcome(home.rtd("query", "SHOW TOPICS;\n\n  DESCRIBE odrers", "--format", "tsv"), 1,
                None)
        refused(home, "DESCRIBE odrers", 'relation "odrers" does not exist (42P01)',
                'HINT:  Did you mean "orders"?')
        refused(home, "DROP TOPIC odrers", 'topic "odrers" does not exist (42P01)',
                'HINT:  Did you mean "orders"?')
        refused(home, "DESCRIBE GROUP nosuch", 'group "nosuch" does not exist (42704)')
        refused(home, "CREATE TOPIC orders", 'topic "orders" already exists (42P07)',
                "LINE 1: CREATE TOPIC orders\n                     ^")
        refused(home, "FOO", 'syntax error at or near "FOO" (42601)', "LINE 1: FOO\n        ^")
        refused(home, "SHOW", "syntax error at end of input (42601)")
        refused(home, "SHOW TOPCIS", 'unrecognized configuration parameter "TOPCIS" (42704)',
                'HINT:  Did you mean "TOPICS"?')
        refused(home, "DESCRIBE my-topic", 'syntax error at or near "-" (42601)',
                '"my-topic"')
        refused(home, "SELECT * FROM odrers", 'relation "odrers" does not exist (42P01)',
                "LINE 1: SELECT * FROM odrers\n                      ^",
                'HINT:  Did you mean "orders"?')
        refused(home, "INSERT INTO odrers VALUES (1)", 'relation "odrers" does not exist (42P01)')
        outcome(home.rtd("query", "DESCRIBE A.B"), 0)
        refused(home, 'DESCRIBE "A.B"', 'relation "A.B" does not exist (42P01)')
        home.rtd("query", "CREATE TOPIC ORDERS")
        refused(home, "DESCRIBE Orders", 'topic name "Orders" is ambiguous (42702)',
                '"ORDERS" or "orders"')


def test_options_of_a_topic_are_judged():
    with Home() as home:
        refused(home, "CREATE TOPIC t WITH (retention_ms = 1)",
                'unrecognized topic option "retention_ms" (22023)',
                'HINT:  Did you mean "retention.ms"?')
        refused(home, "CREATE TOPIC t WITH ('retention.sm' = 1)",
                'unrecognized topic option "retention.sm" (22023)',
                'HINT:  Did you mean "retention.ms"?')
        done = refused(home, "CREATE TOPIC t WITH (partitons = 4)",
                       'unrecognized topic option "partitons" (22023)',
                       'HINT:  Did you mean "partitions"?')
        contains(done.errors, "LINE 1: CREATE TOPIC t WITH (partitons = 4)\n" + " " * 29 + "^")
        refused(home, "CREATE TOPIC t WITH (partitions = many)",
                'invalid value for option "partitions": "many" (22023)')
        done = home.rtd("query", "CREATE TOPIC t WITH (retention.ms = soon)")
        equal((done.returncode, "retention.ms" in done.errors, "(22023)" in done.errors),
              (1, True, True), done.errors)
        done = home.rtd("query", "CREATE TOPIC t WITH (replication_factor = 3)")
        equal((done.returncode, "(22023)" in done.errors), (1, True), done.errors)
        done = home.rtd("query", 'CREATE TOPIC "a b"')
        equal((done.returncode, "(42602)" in done.errors), (1, True), done.errors)
        equal(rows(home, "SHOW TOPICS"), [])


def test_statements_run_up_to_the_first_error():
    with Home() as home:
        script = "CREATE TOPIC a;\n-- then\nCREATE TOPIC b; DESCRIBE c; CREATE TOPIC d;"
        done = home.rtd("query", input=script)
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, 'rtd: stdin: relation "c" does not exist (42P01)\nLINE 3: ')
        equal([r["name"] for r in rows(home, "SHOW TOPICS")], ["a", "b"])
        (home.path / "s.sql").write_text("DROP TOPIC a;\nDROP TOPIC x\n")
        done = home.rtd("query", "-c", "CREATE TOPIC e", "-f", "s.sql", "-c", "CREATE TOPIC f")
        equal(done.returncode, 1)
        contains(done.errors, 'rtd: s.sql: topic "x" does not exist (42P01)\nLINE 2: ')
        equal([r["name"] for r in rows(home, "SHOW TOPICS")], ["b", "e"])
        outcome(home.rtd("query", "-f", "-", input="DROP TOPIC e"), 0, "", "")
        outcome(home.shell("rtd query -f <(echo 'DROP TOPIC b')"), 0, "", "")
        outcome(home.rtd("query", "-v", "CREATE TOPIC g"), 0, "", None)
        contains(home.rtd("query", "-v", "DROP TOPIC g").errors, "rtd: DROP TOPIC\n")


def test_a_slip_starts_no_server():
    with Home() as home:
        refused(home, "SHWO TOPICS", 'syntax error at or near "SHWO" (42601)')
        outcome(home.rtd("query", "SELECT 1 AS one"), 0, '{"one":1}\n', "")
        outcome(home.rtd("query", "CREATE TABLE t (a int); INSERT INTO t VALUES (2); SELECT * FROM t"),
                0, '{"a":2}\n', "")
        outcome(home.rtd("query", " ; -- nothing"), 0, "", "")
        outcome(home.rtd("query", input=""), 0, "", "")
        equal(home.data.exists(), False, "a directory was made")
        done = home.rtd("query", "-f", "nosuch.sql")
        equal((done.returncode, done.errors),
              (1, "rtd: cannot open nosuch.sql: No such file or directory\n"))
        done = home.rtd("query", "SHOW TOPICS", RTD_AUTOSTART=0)
        equal((done.returncode, done.errors.count("\n")), (1, 1), done.errors)
        done = home.rtd("query", "-b", ":1", "SHOW TOPICS")
        equal((done.returncode, done.errors),
              (1, "rtd: cannot reach 127.0.0.1:1: Connection refused\n"))
        done = home.rtd("query", input=b"SHOW \xff")
        equal(done.returncode, 1)
        contains(done.errors, 'rtd: stdin: invalid byte sequence for encoding "UTF8": 0xff (22021)')


def test_formats():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC t WITH (partitions = 1)")
        header = ["name", "partitions", "replicas", "internal"]
        equal(home.rtd("query", "--format", "tsv", "SHOW TOPICS").text,
              "\t".join(header) + "\nt\t1\t1\tf\n")
        equal(home.rtd("query", "--format", "csv", "SHOW TOPICS").text,
              ",".join(header) + "\nt,1,1,f\n")
        equal(home.rtd("query", "--format", "table", "SHOW TOPICS").text,
              " name | partitions | replicas | internal\n"
              "------+------------+----------+----------\n"
              " t    |          1 |        1 | f\n"
              "(1 row)\n")
        contains(home.rtd("query", "--format", "table", "DESCRIBE t").text,
                 "(1 row)\ncleanup_policy: delete\nretention_ms: 604800000\n")
        equal(home.rtd("query", "SHOW TOPICS").text,
              '{"name":"t","partitions":1,"replicas":1,"internal":false}\n')
        contains(home.rtd("query", "--format", "csv", "DESCRIBE t").text, ",{")
        outcome(home.shell("rtd query 'SHOW TOPICS' >/dev/full"), 1, "",
                "rtd: cannot write to standard output: No space left on device\n")
        outcome(home.shell("rtd query 'SHOW TOPICS; SHOW GROUPS' | true; echo ${PIPESTATUS[0]}"),
                0, "0\n", "")


def test_a_terminal_gets_a_table():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC t WITH (partitions = 1)")
        shown = on_terminal(home, "query", "SHOW TOPICS; CREATE TOPIC u")
        contains(shown, "(1 row)")
        contains(shown, "rtd: CREATE TOPIC")


def test_a_prompt_runs_what_is_typed():
    with Home() as home:
        shown = on_terminal(home, "query", keys=[
            b"SELECT 1\r", b"+ 1 AS two;\r", b"SELEC 1;\r", b"\x1b[A\x7f\x7f2;\r",
            b"CREATE TABLE zebra (a int);\r", b"SELECT count(*) FROM zeb\t;\r", b"\\d zebra\r",
            b"\\x\r", b"SELECT 7 AS seven;\r", b"\\nosuch\r", b"\\q\r"])
        contains(shown, " two")
        contains(shown, "(1 row)")
        contains(shown, 'rtd: syntax error at or near "SELEC" (42601)')
        contains(shown, "  -> ")
        contains(shown, "FROM zebra ")
        contains(shown, "integer")
        contains(shown, "seven | 7")
        contains(shown, "unknown command \\nosuch")
        history = (home.path / ".local/state/rtd/history")
        if history.exists():
            contains(history.read_text(), "SELECT 1\x01+ 1 AS two;\n")
        equal(home.data.exists(), False, "a directory was made")


def test_a_statement_of_several_lines_comes_back_as_it_was():
    with Home() as home:
        keys = [b"SELECT length('ab\r", b"c') AS n;\r", b"\\q\r"]
        contains(on_terminal(home, "query", keys=keys), " 4")
        history = home.path / ".local/state/rtd/history"
        contains(history.read_text(), "SELECT length('ab\x01c') AS n;\n")
        # The one before \\q.
        shown = on_terminal(home, "query", keys=[b"\x1b[A\x1b[A\r", b"\\q\r"])
        contains(shown, "length('ab\r\n  -> c')")
        contains(shown, " 4")


def test_a_paste_is_taken_as_it_is():
    """Tabs in it complete nothing, and its lines are statements and commands one after another."""
    with Home() as home:
        pasted = b"SELECT\r\t1 AS a,\r\t'x\ty' AS b;\rSELECT 5 AS five;\r\\x\rSELECT 6 AS six;"
        shown = on_terminal(home, "query", keys=[
            b"\x1b[200~" + pasted + b"\x1b[201~\r", b"\\q\r"])
        contains(shown, "\x1b[?2004h")
        contains(shown, " 1 | x\\ty")
        contains(shown, " five")
        contains(shown, "six | 6")
        assert "rtd: " not in shown, shown


def test_ctrl_r_finds_what_was_entered_before():
    with Home() as home:
        shown = on_terminal(home, "query", keys=[
            b"SELECT 40 + 2 AS answer;\r", b"SELECT 1 AS one;\r", b"\x12ans\r", b"quit\r"])
        equal(shown.count(" 42\r\n"), 2, shown)


def test_words_of_people_who_want_out():
    with Home() as home:
        shown = on_terminal(home, "query", keys=[
            b"help\r", b"SELECT 1\r", b"\\g\r", b"exit\r"])
        # \g on a line of its own adds no line to what it runs.
        contains((home.path / ".local/state/rtd/history").read_text(), "SELECT 1;\n")
        contains(shown, "\\watch [N]")
        assert "syntax error" not in shown, shown


def test_commands_that_psql_users_try():
    with Home() as home:
        home.rtd("produce", "events", input='{"kind":"a","size":3}\n')
        shown = on_terminal(home, "query", keys=[
            b"\\set x 41\r", b"SELECT :x + 1 AS r;\r", b"\\unset x\r", b"\\d events\r",
            b"\\pset format csv\r", b"SELECT 7 AS a, NULL AS b;\r", b"\\pset format aligned\r",
            b"\\copy (SELECT 1 AS written) to out.csv\r", b"\\! cat out.csv\r",
            b"\\conninfo\r", b"\\l\r", b"\\df regexp_c\r", b"\\dn\r", b"\\tming\r",
            b"\\watch x\r", b"\\q\r"])
        for text in (" 42\r\n", ":x has no value any more", " kind   | text", "end_offset",
                     "a,b\r\n7,\r\n", "written\r\n1\r\n", "Topics are in ",
                     "There are no databases", "regexp_count", "information_schema",
                     "did you mean \\timing?", "\\watch wants seconds"):
            contains(shown, text)
        equal((home.path / "out.csv").read_text(), "written\n1\n")


def test_what_was_typed_is_edited():
    with Home() as home:
        (home.path / "editor").write_text("#!/bin/sh\nsed -i s/wrong/right/ \"$1\"\n")
        (home.path / "editor").chmod(0o755)
        shown = on_terminal(home, "query", keys=[
            b"SELECT 'wrong'\r", b"\\e\r", b"AS word;\r", b"\\q\r"],
            environment={"EDITOR": str(home.path / "editor"), "VISUAL": ""})
        contains(shown, " right\r\n")


def test_what_is_no_sql_gets_a_word_on_what_was_meant():
    with Home() as home:
        (home.path / "x.ndjson").write_text('{"a":1}\n')
        (home.path / "x.sql").write_text("SELECT 1 AS a;\n")
        (home.path / "nested.ndjson").write_text('{"o":{"first":1,"second":2}}\n')
        for arguments, given, hint in [
                ((), '{"a":1}\n', "rtd query 'SELECT * FROM stdin'"),
                ((), "a,b\n1,2\n", "rtd query 'SELECT * FROM stdin'"),
                (("x.ndjson",), "", "SELECT * FROM 'x.ndjson'"),
                (("x.sql",), "", "rtd query -f x.sql"),
                (("\\dt",), "", "SHOW TOPICS"),
                (("SELECT lenght('a')",), "", 'Did you mean "length"?'),
                (("SELECT $2",), "", "--param 2=VALUE"),
                (("SELECT ifnull(a, 1) FROM 'x.ndjson'",), "", "coalesce(a, b)"),
                (("SELECT a FROM 'x.ndjson' WHERE a == 1",), "", "= instead"),
                (("SELECT `a` FROM 'x.ndjson'",), "", 'double quotes: "name"'),
                (("SELECT 1 WHERE 'a' = \"b\"",), "", "single ones: 'b'"),
                (("SHOW DATABASES",), "", "SHOW TOPICS"),
                (("SELECT o.x FROM 'nested.ndjson'",), "", "It has first, second."),
                (("SELECT * FROM 'x.ndjsn'",), "", "Did you mean 'x.ndjson'?"),
                (("INSERT INTO big SELECT 1 AS a",), "", "CREATE TOPIC big")]:
            done = home.rtd("query", *arguments, input=given)
            equal(done.returncode, 1, arguments)
            contains(done.errors, hint)
        contains(home.rtd("version").errors, "did you mean --version?")
        outcome(home.rtd("query", "-- what it does\nSELECT 1 AS a"), 0, '{"a":1}\n')


def test_a_caret_stands_under_wide_characters():
    with Home() as home:
        done = home.rtd("query", "SELECT '日本', nope")
        lines = done.errors.splitlines()
        equal(lines[1:3], ["LINE 1: SELECT '日本', nope", " " * 23 + "^"])


def test_broken_input_is_said_once():
    with Home() as home:
        for given in ('{"a":1', '[{"a":1},{"a":2}', '{"a":"\xff"}\n'):
            done = home.rtd("query", "SELECT a FROM stdin",
                            input=given.encode("latin-1"))
            equal(done.returncode, 1, given)
            assert "has no rows" not in done.errors, done.errors
            equal(done.errors.count("rtd: "), 1, done.errors)


def test_a_prompt_completes_what_the_query_names():
    with Home() as home:
        (home.path / "orders.csv").write_text("id,amount\n1,2\n")
        (home.path / "names.sql").write_text("SELECT 'from a file' AS x;\n")
        home.rtd("produce", "events", input='{"kind":"a","size":3}\n')
        shown = on_terminal(home, "query", keys=[
            b"CREATE TABLE zebra (stripes int, name text);\r",
            # Back to the start of the line, and two or three words on.
            b"SELECT strip FROM zebra;\x01\x1bf\x1bf\t\r",
            b"SELECT sum(am) AS total FROM 'orders.csv';\x01\x1bf\x1bf\x1bf\t\r",
            b"SELECT * FROM ev\t;\r",
            b"SELECT kind FROM events e WHERE e.si\t> 2;\r",
            b"\\i nam\t\r", b"SELECT regexp_rep\t'abc', 'b', 'x') AS y;\r", b"\\q\r"])
        contains(shown, "(0 rows)")
        contains(shown, "sum(amount) AS total")
        contains(shown, "e.size > 2")
        contains(shown, "from a file")
        contains(shown, " axc")


def test_completion_makes_no_directory_and_says_nothing():
    with Home() as home:
        shown = on_terminal(home, "query", keys=[
            b"SELECT * FROM nos\t\x15SELECT a FROM nosuch WHERE \t\x151 + 1\r", b"\\r\r",
            b"SELECT 1 AS one;\r", b"\\q\r"])
        contains(shown, " one")
        assert "rtd: relation" not in shown, shown
        equal(home.data.exists(), False, "a directory was made")


def test_backslash_commands_stand_within_a_statement():
    with Home() as home:
        shown = on_terminal(home, "query", keys=[
            b"SELECT 5\r", b"\\x\r", b"+ 1 AS six;\r", b"\\x\r",
            b"SELECT 7 AS seven \\gx\r", b"SELECT 8 AS eight\r", b"\\g\r",
            b"SELECT 'lost'\r", b"\\p\r", b"\\r\r", b"SELECT 9 AS nine;\r", b"\\q\r"])
        contains(shown, "six | 6")
        contains(shown, "seven | 7")
        contains(shown, " eight")
        contains(shown, " nine")
        assert "syntax error" not in shown, shown


def on_terminal(home, *arguments, keys=(), environment={}):
    """What a command shows on a terminal of its own. Each of `keys` is typed at a prompt."""
    main, side = pty.openpty()
    process = subprocess.Popen([harness.rtd, *arguments], stdin=side, stdout=side, stderr=side,
                               env=home.environment() | environment, cwd=home.path)
    os.close(side)
    shown = b""
    waiting = list(keys)
    with contextlib.suppress(OSError):
        while piece := os.read(main, 65536):
            shown += piece
            # An empty prompt with the cursor behind it: the line before is done.
            if waiting and shown.endswith(b"> \r\x1b[5C"):
                os.write(main, waiting.pop(0))
    process.wait(timeout=20)
    os.close(main)
    return shown.decode()


def test_brokers_of_another_kind():
    """What librdkafka's mock brokers can do, and a clear word for what they cannot."""
    if not harness.has_clients:
        raise Skip("needs confluent-kafka")
    script = pathlib.Path(__file__).parent.parent / "Interop/mock_cluster.py"
    mock = subprocess.Popen([sys.executable, script, "3"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        broker = ("-b", mock.stdout.readline().strip())
        with Home() as home:
            for line in ("topic t 3 2", "leader t 1 -1"):
                mock.stdin.write(line + "\n")
                mock.stdin.flush()
                equal(mock.stdout.readline().strip(), "ok", line)
            shown, = rows(home, "SHOW TOPICS", *broker)
            equal((shown["name"], shown["partitions"], shown["replicas"]), ("t", 3, 2))
            described = rows(home, "DESCRIBE t", *broker)
            equal([r["end_offset"] for r in described], [0, None, 0])
            equal([r["bytes"] for r in described], [None] * 3)
            refused(home, "DESCRIBE u", 'relation "u" does not exist (42P01)', options=broker)
            outcome(home.rtd("query", *broker, "ALTER GROUP g RESET OFFSETS TO EARLIEST "
                             "FOR TOPIC t PARTITION 0"), 0, "", "")
            done = home.rtd("query", *broker, "SHOW GROUPS")
            equal((done.returncode, done.text), (1, ""))
            contains(done.errors, "does not support")
            equal(home.data.exists(), False, "a directory was made")
    finally:
        mock.stdin.close()
        mock.wait(timeout=20)


def test_topics_are_read_and_written_by_sql():
    with Home() as home:
        home.rtd("produce", "-J", "t", input="".join(
            json.dumps({"key": f"k{n % 2}", "value": json.dumps({"a": n, "b": "x" * n}),
                        "timestamp": 1_700_000_000_000 + n}) + "\n" for n in range(5)))
        equal(rows(home, "SELECT COUNT(*) AS n, SUM(a) AS s FROM t"), [{"n": 5, "s": 10}])
        equal(rows(home, "SELECT a, _key, _offset, _partition FROM t WHERE a > 2 ORDER BY a"),
              [{"a": 3, "_key": "k1", "_offset": 3, "_partition": 0},
               {"a": 4, "_key": "k0", "_offset": 4, "_partition": 0}])
        equal(rows(home, "SELECT _timestamp FROM t LIMIT 1"),
              [{"_timestamp": "2023-11-14T22:13:20Z"}])
        home.rtd("query", "CREATE TOPIC u WITH (partitions = 2)")
        outcome(home.rtd("query", "INSERT INTO u SELECT a * 2 AS twice, b AS _key FROM t"), 0, "", "")
        equal(rows(home, "SELECT twice, _key FROM u ORDER BY twice"),
              [{"twice": n * 2, "_key": "x" * n} for n in range(5)])
        home.rtd("produce", "plain", input="not json\n{half\n")
        equal(rows(home, "SELECT _value FROM plain"),
              [{"_value": "not json"}, {"_value": "{half"}])


def test_columns_of_a_row_have_their_place_in_the_record():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC b WITH (partitions = 3)")
        outcome(home.rtd("query", "INSERT INTO b SELECT 'k' AS _key, timestamptz '2020-01-01' AS "
                         "_timestamp, 2 AS _partition, '[[\"h\", \"v\"], [\"n\", null]]' AS _headers, "
                         "1 AS x"), 0, "", "")
        row, = rows(home, "SELECT x, _key, _timestamp, _partition, _headers FROM b")
        equal(row, {"x": 1, "_key": "k", "_timestamp": "2020-01-01T00:00:00Z", "_partition": 2,
                    "_headers": [["h", "v"], ["n", None]]})
        record, = [json.loads(line) for line in home.rtd("consume", "-J", "b", "-e").text.split("\n")
                   if line]
        equal((record["key"], record["value"], record["timestamp"], record["partition"],
               record["headers"]),
              ("k", '{"x":1}', 1577836800000, 2, [["h", "v"], ["n", None]]))
        # A copy keeps all of a record.
        home.rtd("query", "CREATE TOPIC c WITH (partitions = 3)")
        outcome(home.rtd("query", "INSERT INTO c SELECT _key, _timestamp, _partition, _headers, * "
                         "FROM b"), 0, "", "")
        copy = json.loads(home.rtd("consume", "-J", "c", "-e").text)
        equal({**copy, "topic": "b"}, record)
        # Without them it is as it was; NULL is as if they were not named.
        home.rtd("query", "INSERT INTO c SELECT NULL::text AS _key, NULL::timestamptz AS _timestamp,"
                 " NULL::int AS _partition, NULL::jsonb AS _headers, 2 AS x")
        equal([r["x"] for r in rows(home, "SELECT x FROM c WHERE _timestamp > '2025-01-01'")], [2])
        refused(home, "INSERT INTO b SELECT 3 AS _partition, 1 AS x",
                'topic "b" has no partition 3 (22023)', "partitions 0 to 2")
        refused(home, "INSERT INTO b SELECT '{}' AS _headers, 1 AS x",
                "_headers is no list of headers (22023)")
        refused(home, "INSERT INTO b SELECT 'yesterdayish' AS _timestamp, 1 AS x",
                'invalid input syntax for type timestamp with time zone: "yesterdayish" (22007)')


def test_text_topics_are_written_by_their_value():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC t WITH (partitions = 1); CREATE TOPIC u")
        outcome(home.rtd("query", "INSERT INTO t SELECT * FROM (VALUES ('plain'), ('{half'), (''), "
                         "(NULL)) v(_value)"), 0, "", "")
        equal(home.rtd("consume", "-J", "t", "-e").text.count('"value":null'), 1)
        equal(home.rtd("consume", "t", "-e", "-c", "3").text, "plain\n{half\n\n")
        home.rtd("query", "INSERT INTO u (_key, _value) SELECT 'k', '\\xff00'::bytea")
        contains(home.rtd("consume", "-J", "u", "-e").text, '"value_b64":"/wA="')
        home.rtd("query", "CREATE TOPIC n WITH (partitions = 1)")
        home.rtd("query", "INSERT INTO n SELECT g % 2 = 0 AS _value FROM generate_series(1, 2) g")
        home.rtd("query", "INSERT INTO n SELECT json '{\"a\": [1]}' AS _value")
        equal(home.rtd("consume", "n", "-e").text, 'false\ntrue\n{"a": [1]}\n')
        # Beside other columns it is a member, as in the object that it came from.
        home.rtd("query", "CREATE TOPIC m; INSERT INTO m SELECT 'v' AS _value, 1 AS x")
        equal(home.rtd("consume", "m", "-e").text, '{"_value":"v","x":1}\n')


def test_a_member_named_as_a_part_of_the_record_is_found_in_the_row():
    with Home() as home:
        home.rtd("produce", "-J", "t", input=json.dumps(
            {"timestamp": 1577836800000, "value": '{"_timestamp":"mine","_key":"other","a":1}'}))
        equal(rows(home, "SELECT * FROM t"), [{"_timestamp": "mine", "_key": "other", "a": 1}])
        equal(rows(home, "SELECT _timestamp, t._timestamp AS q, (t)._timestamp AS m, _key FROM t"),
              [{"_timestamp": "2020-01-01T00:00:00Z", "q": "2020-01-01T00:00:00Z", "m": "mine",
                "_key": None}])
        equal(rows(home, "SELECT a FROM t WHERE _timestamp < now() AND (t)._key = 'other'"),
              [{"a": 1}])


def test_kafka_in_from_reads_a_topic():
    with Home() as home:
        home.rtd("produce", "t", input='{"a":1}\n')
        equal(rows(home, "SELECT a FROM kafka('t')"), [{"a": 1}])
        equal(rows(home, "SELECT a FROM kafka('kafka:///t')"), [{"a": 1}])
        equal(rows(home, "SELECT a FROM kafka('t') STREAM LIMIT 1"), [{"a": 1}])
        refused(home, "SELECT a FROM kafka('u')", 'topic "u" does not exist (42P01)')
        refused(home, "SELECT a FROM kafka('t', format => 'protobuf')",
                'format "protobuf" is not supported for topics (0A000)')
        done = home.rtd("query", "SELECT a FROM kafka('t', brokers => ':1')")
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, "127.0.0.1:1")
        home.rtd("produce", "d", input='{"before":null,"after":{"id":1},"op":"c"}\n')
        equal(rows(home, "SELECT id FROM kafka('d', format => 'debezium', key => 'id')"), [{"id": 1}])


def test_a_stream_over_a_topic_ends_at_its_limit():
    with Home() as home:
        home.rtd("produce", "t", input='{"a":1}\n{"a":2}\n{"a":3}\n')
        equal(rows(home, "SELECT a FROM t STREAM LIMIT 2"), [{"a": 1}, {"a": 2}])


def test_documents_that_were_read_as_records_have_the_operators_of_json():
    with Home() as home:
        home.rtd("produce", "t", input='{"u":{"name":"Ann","n":[1,2]},"tags":["a","b"]}\n')
        equal(rows(home, "SELECT u->>'name' AS name, u->'n'->>1 AS n, u#>>'{n,0}' AS first,"
                         " tags->>1 AS tag FROM t"),
              [{"name": "Ann", "n": "2", "first": "1", "tag": "b"}])


def test_a_stream_modifier_in_front_brings_its_place():
    with Home() as home:
        home.rtd("produce", "t", input='{"a":1}\n')
        refused(home, "SELECT a FROM STREAM t", 'relation "STREAM" does not exist (42P01)',
                "FROM clicks STREAM")


def test_ctrl_c_ends_a_query_and_not_the_prompt():
    with Home() as home:
        log = home.path / "log.jsonl"
        log.write_text('{"a":41}\n')
        main, side = pty.openpty()
        process = subprocess.Popen([harness.rtd, "query"], stdin=side, stdout=side, stderr=side,
                                   env=home.environment(), cwd=home.path)
        os.close(side)
        shown = b""

        def until(part):
            nonlocal shown
            while part not in shown:
                piece = os.read(main, 65536)
                assert piece, shown
                shown += piece
            shown = shown[shown.index(part) + len(part):]

        until(b"> \r\x1b[5C")
        os.write(main, b"SELECT a FROM 'lo\t STREAM;\r")
        until(b" 41\r\n")
        process.send_signal(signal.SIGINT)
        until(b"(1 row)")
        until(b"> \r\x1b[5C")
        os.write(main, b"SELECT 6 * 7 AS answer;\r")
        until(b" 42\r\n")
        until(b"> \r\x1b[5C")
        os.write(main, b"\\q\r")
        equal(process.wait(timeout=20), 0)
        os.close(main)

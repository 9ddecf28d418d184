"""Nexmark's expected rows by DuckDB, in SQL of its own: windows by arithmetic, sessions by LAG,
ties by arrival (`n`). What rtd prints is compared with them as a bag of rows."""

import collections
import datetime
import decimal
import json
import pathlib
import random
import re

import harness

QUERIES = pathlib.Path(__file__).parent.parent / "Fixtures/nexmark"

STRUCTURES = {
    "person": "STRUCT(id BIGINT, name VARCHAR, emailAddress VARCHAR, creditCard VARCHAR, "
              "city VARCHAR, state VARCHAR, dateTime TIMESTAMP, extra VARCHAR)",
    "auction": "STRUCT(id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT, "
               "reserve BIGINT, dateTime TIMESTAMP, expires TIMESTAMP, seller BIGINT, "
               "category BIGINT, extra VARCHAR)",
    "bid": "STRUCT(auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, "
           "dateTime TIMESTAMP, extra VARCHAR)",
}

RANKS = """COUNT(*), COUNT(*) FILTER (WHERE price < 10000),
  COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000),
  COUNT(*) FILTER (WHERE price >= 1000000)"""
DISTINCTS = ", ".join(
    f"COUNT(DISTINCT {column}){condition}" for column in ("bidder", "auction")
    for condition in ("", " FILTER (WHERE price < 10000)",
                      " FILTER (WHERE price >= 10000 AND price < 1000000)",
                      " FILTER (WHERE price >= 1000000)"))
WON = """SELECT a.* EXCLUDE (n, ts), a.n AS an, b.auction, b.bidder, b.price,
  b.dateTime AS bid_dateTime, b.extra AS bid_extra
  FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires
  QUALIFY ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.dateTime, b.n) = 1"""

EXPECTED = {
    "q0": "SELECT auction, bidder, price, dateTime, extra FROM bid",
    "q1": "SELECT auction, bidder, CAST(0.908 * price AS DECIMAL(23,3)), dateTime, extra FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE auction % 123 = 0",
    "q3": """SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
             WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')""",
    "q4": """SELECT category, (SUM(final) // COUNT(*))::BIGINT FROM (
               SELECT MAX(b.price) AS final, a.category FROM auction a JOIN bid b
               ON a.id = b.auction AND b.ts >= a.ts AND b.ts <= a.expires
               GROUP BY a.id, a.category) GROUP BY category""",
    "q5": """WITH hops AS (
               SELECT auction, time_bucket(INTERVAL 2 SECONDS, ts) - INTERVAL 1 SECOND * (2 * i) AS w
               FROM bid, range(5) r(i)),
             counts AS (SELECT auction, w, COUNT(*) AS num FROM hops GROUP BY ALL)
             SELECT auction, num FROM counts
             QUALIFY num = MAX(num) OVER (PARTITION BY w)""",
    "q6": f"""SELECT seller, (SUM(price) OVER w // COUNT(*) OVER w)::BIGINT FROM ({WON}) t
              WINDOW w AS (PARTITION BY seller ORDER BY bid_dateTime, an
                           ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)""",
    "q7": """WITH most AS (
               SELECT MAX(price) AS price, time_bucket(INTERVAL 10 SECONDS, ts) AS w
               FROM bid GROUP BY w)
             SELECT b.auction, b.price, b.bidder, b.dateTime, b.extra
             FROM bid b JOIN most m ON b.price = m.price AND b.ts >= m.w
               AND b.ts <= m.w + INTERVAL 10 SECONDS""",
    "q8": """SELECT DISTINCT p.id, p.name, time_bucket(INTERVAL 10 SECONDS, p.ts) FROM person p
             SEMI JOIN auction a ON a.seller = p.id
             AND time_bucket(INTERVAL 10 SECONDS, a.ts) = time_bucket(INTERVAL 10 SECONDS, p.ts)""",
    "q9": f"SELECT * EXCLUDE (an) FROM ({WON}) t",
    "q10": """SELECT auction, bidder, price, dateTime, extra, strftime(dateTime, '%Y-%m-%d'),
              strftime(dateTime, '%H:%M') FROM bid""",
    "q11": """WITH marked AS (
                SELECT bidder, ts, ts - LAG(ts) OVER w > INTERVAL 10 SECONDS AS starts FROM bid
                WINDOW w AS (PARTITION BY bidder ORDER BY ts)),
              numbered AS (SELECT bidder, ts, SUM(COALESCE(starts, false)::INT)
                OVER (PARTITION BY bidder ORDER BY ts) AS s FROM marked)
              SELECT bidder, COUNT(*), MIN(ts), MAX(ts) + INTERVAL 10 SECONDS FROM numbered
              GROUP BY bidder, s""",
    "q13": """SELECT b.auction, b.bidder, b.price, b.dateTime, s.value
              FROM bid b JOIN side_input s ON b.auction % 10000 = s.key""",
    "q14": """SELECT auction, bidder, CAST(0.908 * price AS DECIMAL(23,3)),
                CASE WHEN hour(dateTime) BETWEEN 8 AND 18 THEN 'dayTime'
                     WHEN hour(dateTime) <= 6 OR hour(dateTime) >= 20 THEN 'nightTime'
                     ELSE 'otherTime' END,
                dateTime, extra, len(list_filter(string_split(extra, ''), lambda c: c = 'c'))
              FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000""",
    "q15": f"SELECT strftime(dateTime, '%Y-%m-%d') AS day, {RANKS}, {DISTINCTS} FROM bid GROUP BY day",
    "q16": f"""SELECT channel, strftime(dateTime, '%Y-%m-%d') AS day,
                 MAX(strftime(dateTime, '%H:%M')), {RANKS}, {DISTINCTS}
               FROM bid GROUP BY channel, day""",
    "q17": f"""SELECT auction, strftime(dateTime, '%Y-%m-%d') AS day, {RANKS}, MIN(price),
                 MAX(price), SUM(price) // COUNT(*), SUM(price)::BIGINT
               FROM bid GROUP BY auction, day""",
    "q18": """SELECT auction, bidder, price, channel, url, dateTime, extra FROM bid
              QUALIFY ROW_NUMBER() OVER (PARTITION BY bidder, auction
                                         ORDER BY dateTime DESC, n) = 1""",
    "q19": """SELECT auction, bidder, price, channel, url, dateTime, extra,
                ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, n) AS r
              FROM bid QUALIFY r <= 10""",
    "q20": """SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.dateTime, b.extra,
                a.itemName, a.description, a.initialBid, a.reserve, a.dateTime, a.expires,
                a.seller, a.category, a.extra
              FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10""",
    "q21": r"""SELECT * FROM (
               SELECT auction, bidder, price, channel, CASE channel WHEN 'Apple' THEN '0'
                 WHEN 'Google' THEN '1' WHEN 'Facebook' THEN '2' WHEN 'Baidu' THEN '3'
                 ELSE nullif(regexp_extract(url, '&channel_id=([^&]*)', 1), '') END AS id
               FROM bid) WHERE id IS NOT NULL""",
    "q22": """SELECT auction, bidder, price, channel, url.split('/')[4], url.split('/')[5],
                url.split('/')[6] FROM bid""",
    "q23": """SELECT b.bidder, b.price, b.channel, b.url, b.extra, p.id, p.name, p.emailAddress,
                p.creditCard, p.city, p.state, p.extra, a.itemName, a.description, a.initialBid,
                a.reserve, a.dateTime, a.expires, a.seller, a.category, a.extra
              FROM bid b, person p, auction a WHERE p.id = b.bidder AND a.seller = p.id""",
}

# Columns that tell the rows of a result apart, where a changelog may say `u`.
KEYS = {"q4": (0,), "q15": (0,), "q16": (0, 1), "q17": (0, 1), "q18": (0, 1), "q9": (0,)}


class DataSet:
    """Events of one rate, their files, and DuckDB with the expected rows. With `disorder` an event
    may come up to so many milliseconds of event time too late."""

    def __init__(self, directory, rate, events, seed=1, disorder=0):
        import duckdb
        self.directory, self.rate = pathlib.Path(directory), rate
        self.answers = {}
        harness.run("rtd", "bench", "nexmark", "--generate", "--count", events, "--rate", rate,
                    "--seed", seed, "--data-set", directory, check=0)
        if disorder:
            self.shuffle(random.Random(seed), disorder)
        self.database = duckdb.connect(config={"threads": 1})
        columns = ", ".join(f"{name}: '{type}'" for name, type in STRUCTURES.items())
        self.database.execute(f"""CREATE TABLE events AS
          SELECT row_number() OVER () AS n, * FROM read_json('{self.events}',
            format = 'newline_delimited', columns = {{event_type: 'INT', {columns}}})""")
        for number, name in enumerate(STRUCTURES):
            self.database.execute(f"""CREATE TABLE {name} AS SELECT n, {name}.*,
              {name}.dateTime AS ts FROM events WHERE event_type = {number}""")
        self.database.execute(f"""CREATE TABLE side_input AS SELECT * FROM
          read_csv('{self.side_input}', columns = {{key: 'BIGINT', value: 'VARCHAR'}})""")

    def shuffle(self, source, disorder):
        """Event `i` happens at `i * 1000 / rate` milliseconds."""
        lines = self.events.read_bytes().splitlines(keepends=True)
        arrival = [i * 1000 / self.rate + source.random() * disorder for i in range(len(lines))]
        order = sorted(range(len(lines)), key=arrival.__getitem__)
        self.events.write_bytes(b"".join(lines[i] for i in order))

    @property
    def events(self):
        return self.directory / "events.ndjson"

    @property
    def side_input(self):
        return self.directory / "side_input.csv"

    def expected(self, query):
        if query not in self.answers:
            found = self.database.execute(EXPECTED[query]).fetchall()
            self.answers[query] = collections.Counter(tuple(map(plain, row)) for row in found)
        return self.answers[query]

    def script(self, query, path=None, stream=""):
        ddl = (QUERIES / "ddl.sql").read_text()
        ddl = ddl.replace("data/events.ndjson", str(path or self.events))
        ddl = ddl.replace("data/side_input.csv", str(self.side_input))
        return ddl.replace("FROM events", "FROM events" + stream) + self.text(query)

    @staticmethod
    def text(query):
        return re.sub("--.*", "", (QUERIES / f"{query}.sql").read_text()).strip()

    def run(self, script, *options, input=None):
        """Rows with their operation."""
        done = harness.run("rtd", "query", "--format", "json", *options, "-c", script, input=input,
                           seconds=100, check=0)
        return rows(done.text)

    def finite(self, query):
        return bag(self.run(self.script(query)))

    def pipe(self, query):
        """The same over stdin, which ends."""
        return bag(self.run(self.script(query, "-"), input=self.events.read_bytes()))

    def endless(self, query):
        """The changelog of the query over a pipe, applied to nothing."""
        changes = self.run(self.script(query, "-", " STREAM"), input=self.events.read_bytes())
        return replay(changes, KEYS.get(query))

    def changes(self, query):
        """The changelog over the file."""
        text = self.script(query).removesuffix(";").removesuffix("EMIT ON WINDOW CLOSE")
        return replay(self.run(text + " EMIT CHANGES"), KEYS.get(query))

    def write_topic(self):
        harness.run("rtd", "produce", "nexmark", self.events, "--data", self.directory / "log",
                    check=0)

    def topic(self, query):
        script = self.script(query).replace(
            f"connector = 'file', path = '{self.events}'", "connector = 'kafka', topic = 'nexmark'")
        return bag(self.run(script, "--data", self.directory / "log"))

    def hop_in_time(self):
        """q5 without the rows of windows that the watermark had passed before they came."""
        watermark, counts = datetime.datetime.min, collections.Counter()
        step, size = datetime.timedelta(seconds=2), datetime.timedelta(seconds=10)
        for auction, time in self.database.execute(
                """SELECT bid.auction, COALESCE(person.dateTime, auction.dateTime, bid.dateTime)
                   FROM events ORDER BY n""").fetchall():
            start = time - (time - datetime.datetime(2000, 1, 1)) % step
            for back in range(5 if auction is not None else 0):
                if start - back * step + size > watermark:
                    counts[start - back * step, auction] += 1
            watermark = max(watermark, time - datetime.timedelta(seconds=4))
        most = collections.Counter()
        for (start, _), count in counts.items():
            most[start] = max(most[start], count)
        return collections.Counter(
            (plain(auction), plain(count)) for (start, auction), count in counts.items()
            if count == most[start])


def bag(changes):
    return collections.Counter(row for _, row in changes)


def replay(changes, key=None):
    """The bag of rows that a changelog leaves."""
    found, latest = collections.Counter(), {}
    for operation, row in changes:
        name = key and tuple(row[column] for column in key)
        if operation == "u":
            assert key and latest.get(name) is not None, f"u of {row}, which is not there"
            found[latest[name]] -= 1
        if operation == "d":
            assert found[row] > 0, f"d of {row}, which is not there"
            found[row] -= 1
            latest.pop(name, None)
        else:
            found[row] += 1
            latest[name] = row
    return +found


def rows(text):
    """Operation (None without `_op`) and values of each line."""
    for line in text.splitlines():
        pairs = json.loads(line, parse_float=decimal.Decimal, object_pairs_hook=list)
        operation = next((value for name, value in pairs if name == "_op"), None)
        yield operation, tuple(plain(value) for name, value in pairs if name != "_op")


TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?$")


def plain(value):
    """Numbers by value and times as such, whatever way they were written."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, decimal.Decimal)):
        return decimal.Decimal(value).normalize()
    if isinstance(value, str) and TIME.match(value):
        return datetime.datetime.fromisoformat(value)
    return value


def difference(found, expected):
    """None, or what is wrong in a few lines."""
    if found == expected:
        return None
    extra, missing = found - expected, expected - found
    sample = lambda bag: "\n    ".join(str(row)[:300] for row in list(bag)[:3])
    return (f"{sum(found.values())} rows instead of {sum(expected.values())}\n"
            f"  {sum(extra.values())} not expected:\n    {sample(extra)}\n"
            f"  {sum(missing.values())} missing:\n    {sample(missing)}")

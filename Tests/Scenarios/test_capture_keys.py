"""`rtd cdc --backfill` of tables whose keys have an order of their own, and what a condition means."""

import collections
import json
import pathlib
import sys

from harness import equal
from test_cdc import cdc, database, lines, server_of

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

# Letters of both cases, that are one after the other for citext and far apart for text.
LETTERS = "chr((CASE WHEN g % 2 = 0 THEN 65 ELSE 97 END) + g % 26) || g"

TABLES = f"""
CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION hstore; CREATE EXTENSION cube;
CREATE SCHEMA other; CREATE EXTENSION seg SCHEMA other;
CREATE DOMAIN word AS citext CHECK (value <> 'no'); CREATE DOMAIN word2 AS word;
CREATE TYPE pair AS (a citext, b int); CREATE TYPE mood AS ENUM ('z', 'm', 'a');
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE k_citext (k citext PRIMARY KEY, n int);
INSERT INTO k_citext SELECT {LETTERS}, g FROM generate_series(1, 700) g;
CREATE TABLE k_domain (k word2 PRIMARY KEY, n int);
INSERT INTO k_domain SELECT k, n FROM k_citext;
CREATE TABLE k_ltree (k ltree PRIMARY KEY);
INSERT INTO k_ltree SELECT ('top.n' || g % 7 || '.x' || g)::ltree FROM generate_series(1, 300) g;
CREATE TABLE k_hstore (k hstore PRIMARY KEY);
INSERT INTO k_hstore SELECT hstore('a' || g % 5, g::text) FROM generate_series(1, 300) g;
CREATE TABLE k_cube (k cube PRIMARY KEY);
INSERT INTO k_cube SELECT cube(array[g % 9, g / 3.0]) FROM generate_series(1, 300) g;
CREATE TABLE k_seg (k other.seg PRIMARY KEY);
INSERT INTO k_seg SELECT (g || ' .. ' || g + 2)::other.seg FROM generate_series(1, 300) g;
CREATE TABLE k_pair (k pair PRIMARY KEY);
INSERT INTO k_pair SELECT row({LETTERS}, g)::pair FROM generate_series(1, 300) g;
CREATE TABLE k_mixed (a citext, b int, c ltree, PRIMARY KEY (a, b, c));
INSERT INTO k_mixed SELECT chr((CASE WHEN g % 2 = 0 THEN 65 ELSE 97 END) + g % 3), g % 50,
    ('t.x' || g)::ltree FROM generate_series(1, 600) g;
CREATE TABLE k_array (k citext[] PRIMARY KEY);
INSERT INTO k_array SELECT array[{LETTERS}, 'x']::citext[] FROM generate_series(1, 300) g;
CREATE TABLE k_enum (k mood, c char(7), b bit(12), PRIMARY KEY (k, c, b));
INSERT INTO k_enum SELECT (array['z', 'm', 'a'])[g % 3 + 1]::mood, 'c' || g % 20, g::bit(12)
    FROM generate_series(1, 300) g;
CREATE TABLE k_folded (k text COLLATE folded PRIMARY KEY);
INSERT INTO k_folded SELECT {LETTERS} FROM generate_series(1, 300) g;
CREATE TABLE k_index (k text COLLATE "en-x-icu" NOT NULL, n int);
CREATE UNIQUE INDEX k_index_c ON k_index (k COLLATE folded);
ALTER TABLE k_index REPLICA IDENTITY USING INDEX k_index_c;
INSERT INTO k_index SELECT {LETTERS}, g FROM generate_series(1, 300) g;
CREATE TABLE k_pattern (k text NOT NULL, n int);
CREATE UNIQUE INDEX k_pattern_k ON k_pattern (k text_pattern_ops);
ALTER TABLE k_pattern REPLICA IDENTITY USING INDEX k_pattern_k;
INSERT INTO k_pattern SELECT {LETTERS}, g FROM generate_series(1, 300) g;
CREATE TABLE k_parts (k citext, n int, PRIMARY KEY (k, n)) PARTITION BY HASH (n);
CREATE TABLE k_parts0 PARTITION OF k_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE k_parts1 PARTITION OF k_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO k_parts SELECT k, n FROM k_citext;
"""


def test_each_row_is_read_once_whatever_orders_the_key():
    name = database(TABLES)
    names = server_of().sql("SELECT relname FROM pg_class WHERE relname LIKE 'k\\_%' AND relkind IN "
                            "('r', 'p') AND NOT relispartition ORDER BY 1", name).split()
    equal(len(names), 14)
    with Home() as home:
        for rows, wanted in (("150", names), ("23", ["k_mixed", "k_pair"]), ("1000", ["k_citext"])):
            backfills = [word for table in wanted for word in ("--backfill", table)]
            text = cdc(home, name, "--snapshot", "never", "--until", "now", "--format", "flat", "-q",
                       "-X", f"incremental.snapshot.chunk.size={rows}", *backfills, seconds=110)
            found = collections.Counter()
            for change in lines(text):
                equal(change["action"], "read")
                found[change["table"], json.dumps(change["keys"])] += 1
            for table in wanted:
                keys = [count for (of, _), count in found.items() if of == table]
                count = int(server_of().sql(f"SELECT count(*) FROM {table}", name))
                equal((table, len(keys), sum(keys)), (table, count, count))


def test_a_condition_means_what_it_means_to_the_user():
    name = database(f"""
        CREATE EXTENSION citext; CREATE SCHEMA app;
        CREATE TABLE c (k citext PRIMARY KEY, n int);
        INSERT INTO c SELECT {LETTERS}, g FROM generate_series(1, 700) g;
        CREATE FUNCTION app.wanted(int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 % 7 = 0';
        CREATE TABLE app.r (k int PRIMARY KEY, what regclass);
        INSERT INTO app.r VALUES (1, 'c'), (2, 'app.r');
    """)
    server_of().sql(f"ALTER DATABASE {name} SET search_path = app, public", name)
    with Home() as home:
        for condition in ("k < 'c'", "wanted(n)", "k = 'A26' AND n > 0"):
            text = cdc(home, name, "--snapshot", "never", "--until", "now", "--format", "flat", "-q",
                       "-X", "incremental.snapshot.chunk.size=50", "--backfill", f"c:{condition}")
            count = server_of().sql(f"SELECT count(*) FROM c WHERE {condition}", name)
            assert int(count) > 0
            equal((condition, len(lines(text))), (condition, int(count)))
        text = cdc(home, name, "--snapshot", "never", "--until", "now", "--format", "flat", "-q",
                   "--backfill", "app.r:k > 0")
        equal([change["columns"]["what"] for change in lines(text)], ["public.c", "app.r"])

"""The transcript of the design, line by line: what must feel right."""

import time

from harness import contains, equal
from home import Home, outcome


def test_lines_go_in_and_come_out():
    with Home() as home:
        outcome(home.shell("printf 'a\\n\\nb' | rtd produce t && rtd consume t -e"),
                0, "a\n\nb\n", "")


def test_the_first_command_of_the_readme():
    with Home() as home:
        outcome(home.shell("printf 'hello\\n' | rtd produce demo && rtd consume demo -e"),
                0, "hello\n", "")


def test_a_hundred_thousand_lines_keep_their_order():
    with Home() as home:
        outcome(home.shell("seq 100000 | rtd produce s && rtd consume s -e | cmp - <(seq 100000)"),
                0, "", "")


JSON_RECORDS = r'''
{"key":"k","value":"v","timestamp":1500000000123,"headers":[["a","1"],["a","2"],["n",null]]}
{"key":null,"value":"only a value","timestamp":1500000000124}
{"key":"tombstone","value":null,"timestamp":1500000000125}
{"key":"","value":"","timestamp":1500000000126,"headers":[["",""]]}
{"key_b64":"/wD+","value_b64":"gIGC","timestamp":1500000000127,"headers":[["b",{"b64":"/w=="}]]}
{"key":"é\u0000\"\\","value":"line\nbreak\ttab 😀","timestamp":0}
'''.strip()


def test_json_records_lose_nothing_on_the_way():
    """Keys, nulls, binary, duplicate headers, timestamps, through jq as well."""
    with Home() as home:
        outcome(home.rtd("produce", "-J", "u", input=JSON_RECORDS), 0, "", "")
        done = home.shell("rtd consume -J u -e | jq -c . | rtd produce -J w && "
                          "diff <(rtd consume -J u -e | jq -c 'del(.topic)') "
                          "<(rtd consume -J w -e | jq -c 'del(.topic)')")
        outcome(done, 0, "", "")
        first = home.rtd("consume", "-J", "u", "-e", "-c", "1").text
        equal(first, '{"topic":"u","partition":0,"offset":0,"timestamp":1500000000123,'
              '"key":"k","value":"v","headers":[["a","1"],["a","2"],["n",null]]}\n')
        binary = home.rtd("consume", "-J", "u", "-e").text.splitlines()[4]
        for part in ('"key_b64":"/wD+"', '"value_b64":"gIGC"', '["b",{"b64":"/w=="}]'):
            contains(binary, part)


def test_a_reader_that_leaves_ends_the_command_at_once():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        begin = time.monotonic()
        done = home.shell("rtd consume t | head -1; echo ${PIPESTATUS[@]}", seconds=20)
        outcome(done, 0, "a\n0 0\n", "")
        assert time.monotonic() - begin < 10, "it noticed only at the next record"


def test_an_unknown_topic_names_the_nearest():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        outcome(home.rtd("consume", "tt", "-e"), 1, "",
                'rtd: topic "tt" does not exist in ~/.local/share/rtd; did you mean "t"? '
                "(--wait waits for it)\n")
        contains(home.rtd("consume", "t", "-e").text, "a\n")


def test_an_unknown_option_names_the_nearest():
    with Home() as home:
        outcome(home.rtd("consume", "t", "--ofset", "5"), 2, "",
                "rtd: consume: unknown option --ofset; did you mean --offset? (rtd help consume)\n")
        equal(home.data.exists(), False, "a directory was made")


def test_a_full_disk_behind_stdout_is_an_error():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        outcome(home.shell("rtd consume t -e >/dev/full"), 1, "",
                "rtd: cannot write to standard output: No space left on device\n")


def test_a_broker_that_is_down_is_named():
    with Home() as home:
        outcome(home.shell("echo a | rtd produce t -b :1"), 1, "",
                "rtd: cannot reach 127.0.0.1:1: Connection refused; 0 of 1 records delivered\n")
        equal(home.data.exists(), False, "a directory was made")


def test_a_directory_in_use_names_its_server():
    with Home() as home:
        outcome(home.rtd("serve", "--kafka", ":0", "--detach"), 0)
        status = home.status()
        done = home.rtd("serve", "--kafka", ":0")
        equal((done.returncode, done.text), (1, ""))
        version = home.rtd("--version").text.split()[1]
        address = done.errors.split("(kafka ")[1].split(")")[0]
        equal(done.errors, f"rtd: ~/.local/share/rtd is in use by rtd {version}, pid "
              f"{status['pid']} (kafka {address}); rtd serve --stop ends it\n")


def test_an_open_address_is_refused():
    with Home() as home:
        outcome(home.rtd("serve", "--kafka", "0.0.0.0:9092"), 2, "",
                "rtd: 0.0.0.0:9092 is open to other machines and has no authentication "
                "(--insecure-listen allows it)\n")


def test_a_broken_line_of_input_is_named():
    with Home() as home:
        done = home.shell("""printf '{"a":1}\noops\n' | rtd query "SELECT a FROM stdin" """)
        outcome(done, 1, '{"a":1}\n',
                'rtd: stdin line 2: invalid JSON: "oops" (--on-error skip goes on)\n')
        done = home.shell(
            """printf '{"a":1}\noops\n{"a":2}\n' | rtd query --on-error skip "SELECT a FROM stdin" """)
        equal((done.returncode, done.text), (3, '{"a":1}\n{"a":2}\n'), done.errors)


def test_an_unknown_relation_is_named_with_its_place():
    with Home() as home:
        done = home.rtd("query", "SELECT * FROM nosuch")
        outcome(done, 1, "", 'rtd: relation "nosuch" does not exist (42P01)\n'
                "LINE 1: SELECT * FROM nosuch\n                      ^\n")


def test_a_full_disk_behind_a_query_is_an_error():
    with Home() as home:
        outcome(home.shell('rtd query "SELECT 1" >/dev/full'), 1, "",
                "rtd: cannot write to standard output: No space left on device\n")

"""Files that never end: followed as they grow, are replaced and cut."""

import json
import os
import subprocess

import harness
from harness import contains, equal, eventually
from pipes import Pipe, query


def append(file, *rows, end="\n"):
    with open(file, "a") as target:
        target.write("\n".join(json.dumps(row) for row in rows) + end)


def said(pipe, part):
    eventually(lambda: any(part in line for line in list(pipe.said)), 10, f"the note {part!r}")


def test_what_is_appended_comes_line_by_line(path):
    log = path / "log.jsonl"
    append(log, {"a": 1})
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM WHERE a <> 2") as pipe:
        equal(pipe.row(), {"a": 1})
        append(log, {"a": 2}, {"a": 3})
        equal(pipe.row(), {"a": 3})
        append(log, {"a": 4}, end="")
        assert pipe.is_silent()
        append(log)
        equal(pipe.row(), {"a": 4})


def test_a_file_that_takes_the_name_is_read_from_its_start(path):
    log = path / "log.jsonl"
    append(log, {"a": 1})
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM") as pipe:
        equal(pipe.row(), {"a": 1})
        append(log, {"a": 2})
        os.rename(log, path / "log.1")
        append(log, {"a": 3})
        equal(pipe.rows(2), [{"a": 2}, {"a": 3}])
        said(pipe, "another file now")
        os.rename(log, path / "log.2")
        said(pipe, "log.jsonl is gone")
        append(log, {"a": 4})
        equal(pipe.row(), {"a": 4})


def test_a_line_that_the_old_file_left_open_ends_there(path):
    log = path / "log.jsonl"
    append(log, {"a": 1})
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM") as pipe:
        equal(pipe.row(), {"a": 1})
        append(log, {"a": 2}, end="")
        assert pipe.is_silent()
        os.rename(log, path / "log.1")
        append(log, {"a": 3})
        equal(pipe.rows(2), [{"a": 2}, {"a": 3}])


def test_a_file_that_is_cut_is_read_from_its_start(path):
    log = path / "log.jsonl"
    append(log, {"a": 1}, {"a": 2})
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM") as pipe:
        equal(pipe.rows(2), [{"a": 1}, {"a": 2}])
        log.write_text('{"a":9}\n')
        equal(pipe.row(), {"a": 9})
        said(pipe, "was cut to")


def test_a_file_that_is_not_there_is_waited_for(path):
    log = path / "log.jsonl"
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM") as pipe:
        said(pipe, "is not there yet; waiting for it")
        append(log, {"a": 1})
        equal(pipe.row(), {"a": 1})


def test_follow_makes_all_files_endless_but_bounded_ones(path):
    log, names = path / "log.jsonl", path / "names.csv"
    append(log, {"id": 1})
    names.write_text("id,name\n1,one\n2,two\n")
    with Pipe("--follow", "-c", f"SELECT n.name FROM '{log}' l JOIN '{names}' STREAM BOUNDED n "
              "ON n.id = l.id") as pipe:
        equal({k: v for k, v in pipe.row().items() if k != "_op"}, {"name": "one"})
        append(log, {"id": 2})
        equal(pipe.row()["name"], "two")


def test_groups_of_a_followed_file_change(path):
    log = path / "log.jsonl"
    append(log, {"k": "a"})
    with Pipe("-c", f"SELECT k, COUNT(*) AS n FROM '{log}' STREAM GROUP BY k") as pipe:
        equal(pipe.row(), {"_op": "c", "k": "a", "n": 1})
        append(log, {"k": "a"})
        equal(pipe.row(), {"_op": "u", "k": "a", "n": 2})


def test_several_files_or_a_compressed_one_are_not_followed(path):
    append(path / "a.json", {"a": 1})
    append(path / "b.json", {"a": 1})
    contains(query(f"SELECT a FROM '{path}/*.json' STREAM", check=1).errors, "0A000")
    subprocess.run(["gzip", path / "a.json"], check=True)
    contains(query(f"SELECT a FROM '{path}/a.json.gz' STREAM", check=1).errors,
             "is compressed and cannot be followed")


def test_a_named_pipe_is_read_once(path):
    fifo = path / "fifo"
    os.mkfifo(fifo)
    writer = subprocess.Popen(["bash", "-c", f"printf '{{\"a\":1}}\\n{{\"a\":2}}\\n' > {fifo}"])
    equal(list(query(f"SELECT SUM(a) AS s FROM '{fifo}'")), [{"s": 3}])
    writer.wait(10)
    done = harness.shell(f"{harness.rtd} query --format csv \"SELECT a FROM '\"<(echo '{{\"a\":7}}')\"'\"",
                         RTD_AUTOSTART="0", check=0)
    equal(done.text, "a\n7\n")

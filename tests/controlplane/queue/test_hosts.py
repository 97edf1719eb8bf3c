"""What a worker remembers of runners."""

from __future__ import annotations

from controlplane.queue.jetstream.hosts import Hosts


def test_instances_of_all_hosts_count() -> None:
    hosts = Hosts()
    hosts.count("a", "one", 2)
    hosts.count("a", "two", 1)
    hosts.count("b", "two", 4)
    assert (hosts.behind("a"), hosts.behind("b"), hosts.behind("c")) == (3, 4, 0)
    hosts.count("a", "two", 0)
    assert hosts.behind("a") == 2


def test_a_host_that_is_forgotten_had_instances_behind_doors() -> None:
    hosts = Hosts()
    hosts.heard("one", "run", 0.0)
    hosts.count("a", "one", 2)
    hosts.count("b", "one", 0)
    assert hosts.forget("one") == ["a"]
    assert (hosts.names(), hosts.behind("a")) == ([], 0)
    assert hosts.forget("one") == []


def test_a_run_is_new_once() -> None:
    hosts = Hosts()
    assert [hosts.heard("one", run, 0.0) for run in ("1", "1", "2", "2")] == [True, False] * 2


def test_who_says_nothing_is_silent() -> None:
    hosts = Hosts()
    hosts.heard("one", "1", 5.0)
    hosts.heard("two", "1", 7.0)
    assert hosts.silent(6.0) == ["one"]

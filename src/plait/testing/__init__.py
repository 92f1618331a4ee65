"""Conformance suites, fault injection, generators and servers for tests of Plait and of other people's stores."""

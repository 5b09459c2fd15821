"""The plugin for pytest, in a test session of its own."""

from __future__ import annotations

import textwrap
from xml.etree import ElementTree

import pytest

from tests import forked

TESTS = textwrap.dedent(
    """
    import divulge
    import numpy as np
    import pytest
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 4))
    y = (x[:, 0] + rng.normal(size=800) > 0).astype(int)
    SETS = {"members": (x[:400], y[:400]), "nonmembers": (x[400:], y[400:]), "attacks": ["loss", "correctness"]}


    def test_careful(divulge_audit, divulge_before):
        run = divulge_audit(LogisticRegression().fit(*SETS["members"]), name="a model", **SETS)
        divulge.assert_no_leak(run, policy="share-inside", before=divulge_before("a model"))


    def test_leaky(divulge_audit, divulge_before):
        tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=0).fit(*SETS["members"])
        run = divulge_audit(tree, name="another", **SETS)
        divulge.assert_no_leak(run, policy="share-inside", before=divulge_before("a model"))
    """
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "test_model.py").write_text(TESTS)
    return folder


def session(folder, *options):
    return forked.run(["-m", "pytest", "-q", "-p", "no:cacheprovider", *options], cwd=folder)


def test_a_leak_fails_and_names_the_rule_and_the_reports_are_told(project):
    done = session(project, "--divulge-out", "first", "--junitxml", "junit.xml")
    assert done.returncode == 1 and "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "rule thresholds." in done.stdout and "of policy share-inside is broken by" in done.stdout
    assert "a model: not found" in done.stdout and "another: leak" in done.stdout
    assert (project / "first" / "a-model" / "report.html").is_file()
    told = ElementTree.parse(project / "junit.xml").iter("property")
    assert [p.get("name") for p in told] == ["divulge", "divulge"]


def test_a_model_is_compared_with_the_one_before(project):
    """Against its own former self the careful model passes; the leaky one is also worse than the careful one."""
    session(project, "--divulge-out", "first") if not (project / "first").exists() else None
    done = session(project, "--divulge-before", "first")
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "rule no-worse-than a-model" in done.stdout
    assert not (project / "divulge-runs").exists()


def test_it_tells_its_reports_under_xdist_too(project):
    done = session(project, "-n", "1")
    assert "a model: not found" in done.stdout, done.stdout + done.stderr

"""McNemar's test: whether one of two models is right more often on the same examples than chance explains."""

from __future__ import annotations


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p-value that ``only_a`` and ``only_b`` are halves of one coin's throws.

    ``only_a`` counts the examples that model a alone got right, ``only_b`` those of b alone; where both are right or
    both wrong says nothing. 1 where they never differ. It counts examples as independent, which copies are not.
    McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika 1947.

    >>> mcnemar(8, 2), mcnemar(0, 0)
    (0.109375, 1.0)
    """
    from scipy.stats import binomtest

    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0

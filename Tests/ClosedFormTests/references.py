"""The numbers of 30 digits in JetTests.swift and in two cases without a formula, by
differentiating solutions numerically in 80 digits: `python3 references.py` (mpmath 1.3)."""

from mpmath import mp, mpf, diff, exp, findroot, log, matrix, sin, sqrt, nstr, cbrt

mp.dps = 80


def show(name, y, x):
    """Value, gradient and Hessian of y at x."""
    n = len(x)
    x = [mpf(v) for v in x]
    count = lambda *places: tuple(places.count(i) for i in range(n))
    digits = lambda v: nstr(v, 30)
    print(name)
    print("  value   ", digits(y(*x)))
    print("  gradient", [digits(diff(y, tuple(x), count(i))) for i in range(n)])
    for i in range(n):
        print("  hessian ", [digits(diff(y, tuple(x), count(i, j))) for j in range(n)])


# JetTests
show("arithmetic", lambda a, b: (a - b) / (a * b + 2) + 3 * a, ["0.75", "-0.5"])
show("elementary", lambda a, b: exp(a * b) * log(a) + sqrt(a) * cbrt(a + 2), ["0.75", "-0.5"])


def elimination(a, b):
    M = matrix([[a, 2, 0], [1, b, -1], [b, 0, a * b]])
    return (M ** -1 * matrix([1, a, b]))[1]


show("elimination", elimination, ["0.75", "-0.5"])


# E − e sin E = M
def kepler(M, e):
    return findroot(lambda E: E - e * sin(E) - M, M)


show("Kepler, M = 3/8", kepler, ["0.375", "0.625"])
show("Kepler, M = 2", kepler, ["2", "0.625"])


# min ½ Σ (y₀ exp(−y₁ k) − xₖ)², k = 0, 1, 2
def decay(part):
    def fit(*x):
        def slope(p, q):
            r = [p * exp(-q * k) - x[k] for k in range(3)]
            return (
                sum(r[k] * exp(-q * k) for k in range(3)),
                sum(-r[k] * p * k * exp(-q * k) for k in range(3)),
            )

        return findroot(slope, (mpf(2.2), mpf(1.1)))[part]

    return fit


show("decay, y0", decay(0), ["2.25", "0.625", "0.5"])
show("decay, y1", decay(1), ["2.25", "0.625", "0.5"])

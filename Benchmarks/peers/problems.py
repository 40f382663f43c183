"""The problems of the comparison: the same bits as Benchmarks/PeerProblems draws.

Run as a program it prints what Tests/PeerProblemsTests expects: of every array the first entry, the
last one, and the sum from left to right.
"""

import sys

import numpy as np

MASK = (1 << 64) - 1


class SplitMix64:
    """Steele, Lea and Flood (2014), figure 17, with D. Stafford's variant 13."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def u(self):
        return (self.next() >> 11) * 2.0**-53

    def sym(self):
        return 2 * self.u() - 1

    def u_array(self, *shape):
        """Many at once: the state only counts, so all of them are known in advance."""
        count = int(np.prod(shape))
        steps = np.arange(1, count + 1, dtype=np.uint64)
        with np.errstate(over="ignore"):
            z = np.uint64(self.state) + steps * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
        self.state = (self.state + count * 0x9E3779B97F4A7C15) & MASK
        return ((z >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)

    def sym_array(self, *shape):
        return 2 * self.u_array(*shape) - 1


FIRST_OF_SEED_42 = [
    0.7415648787718233, 0.1599103928769201, 0.27860113025513866, 0.34419071652363753,
    0.03803016854024621,
]
assert [g.u() for g in [SplitMix64(42)] for _ in range(5)] == FIRST_OF_SEED_42
assert SplitMix64(42).u_array(5).tolist() == FIRST_OF_SEED_42


def ridge(n):
    g = SplitMix64(101)
    X, y, Xv, yv = g.sym_array(2 * n, n), g.sym_array(2 * n), g.sym_array(2 * n, n), g.sym_array(2 * n)
    return dict(X=X, y=y, Xv=Xv, yv=yv)


def qp(n):
    g = SplitMix64(103)
    p, m = max(1, n // 5), max(1, n // 2)
    Q = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            Q[i, j] = Q[j, i] = g.sym() / n
    for i in range(n):
        Q[i, i] = 1 + g.u()
    c, A, G = g.sym_array(n), g.sym_array(p, n), g.sym_array(m, n)
    h = 0.1 + g.u_array(m)
    return dict(Q=Q, c=c, A=A, G=G, h=h, v=g.sym_array(n))


def sinkhorn(n):
    g = SplitMix64(106)
    xs, ys = g.u_array(n, 2), g.u_array(n, 2)
    dx = xs[:, None, 0] - ys[None, :, 0]
    dy = xs[:, None, 1] - ys[None, :, 1]

    def masses():
        raw = 0.5 + g.u_array(n)
        return raw / left_to_right_sum(raw)

    C = dx * dx + dy * dy
    a = masses()
    b = masses()
    return dict(C=C, a=a, b=b, W=g.sym_array(n, n))


def bratu(n):
    g = SplitMix64(107)
    coefficients = 1 + 0.5 * g.u_array(n)
    return {"lambda": coefficients, "v": g.sym_array(n)}


def softmax(n):
    g = SplitMix64(110)
    x = 3 * g.sym_array(n)
    return dict(x=x, v=g.sym_array(n))


def tridiagonal(n, lower=1.0, upper=0.5):
    """The solution is handed over with a relative error of 1e-10, as a solver would leave it."""
    g = SplitMix64(111)
    exact = g.sym_array(n)
    v = g.sym_array(n)
    below = np.concatenate([[0.0], exact[:-1]])
    above = np.concatenate([exact[1:], [0.0]])
    x = 4 * exact + exact * exact * exact - lower * below - upper * above
    return dict(y=exact * (1 + 1e-10), v=v, x=x)


def tridiagonal_symmetric(n):
    return tridiagonal(n, 1.0, 1.0)


def ridge_mechanism(n):
    return dict(ridge(n), c=SplitMix64(112).sym_array(n))


PROBLEMS = {
    "ridge": ridge, "qp": qp, "sinkhorn": sinkhorn, "bratu": bratu, "softmax": softmax,
    "softmax-mirror": softmax,
    "tridiagonal": tridiagonal, "tridiagonal-symmetric": tridiagonal_symmetric,
    "ridge-mechanism": ridge_mechanism,
}


def left_to_right_sum(values):
    total = 0.0
    for value in np.ravel(values).tolist():
        total += value
    return total


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for name, make in PROBLEMS.items():
        for array, values in make(n).items():
            flat = np.ravel(values).tolist()
            print(f'Expected("{name}", "{array}", {flat[0]!r}, {flat[-1]!r}, '
                  f"{left_to_right_sum(flat)!r}),")

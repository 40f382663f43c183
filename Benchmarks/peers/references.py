"""Gradients by numpy alone, in dense matrices and closed forms: no contestant takes part.

For n beyond a few thousand the tridiagonal ones are solved with 64-bit mantissas where the machine
has them.
"""

import numpy as np
from scipy.linalg import solve_banded

import problems


def ridge(n, d):
    m = len(d["y"])
    H = d["X"].T @ d["X"] / m + 0.1 * np.eye(n)
    w = np.linalg.solve(H, d["X"].T @ d["y"] / m)
    slope = d["Xv"].T @ (d["Xv"] @ w - d["yv"]) / m
    return -np.linalg.solve(H, slope) * w


def qp(n, d):
    """A primal-dual interior-point method, then elimination with the active constraints."""
    Q, c, A, G, h, v = (d[k] for k in ("Q", "c", "A", "G", "h", "v"))
    p, m = len(A), len(G)
    y, nu, lam, s = np.zeros(n), np.zeros(p), np.ones(m), np.ones(m)
    for _ in range(60):
        r1 = Q @ y + c + A.T @ nu + G.T @ lam
        r2, r3 = A @ y, G @ y + s - h
        mu = lam @ s / m
        K = np.block([[Q + G.T @ ((lam / s)[:, None] * G), A.T], [A, np.zeros((p, p))]])
        r4 = lam * s - 0.1 * mu
        right = np.concatenate([-(r1 + G.T @ ((lam * r3 - r4) / s)), -r2])
        step = np.linalg.solve(K, right)
        dy, dnu = step[:n], step[n:]
        ds = -r3 - G @ dy
        dlam = -(r4 + lam * ds) / s
        ratio = np.concatenate([-ds / s, -dlam / lam]).max()
        t = min(1, 0.99 / max(ratio, 1e-300))
        y, nu, lam, s = y + t * dy, nu + t * dnu, lam + t * dlam, s + t * ds
        if mu < 1e-13:
            break
    active = np.flatnonzero(lam > s)
    rows = np.vstack([A, G[active]])
    k = len(rows)
    K = np.block([[Q, rows.T], [rows, np.zeros((k, k))]])
    point = np.linalg.solve(K, np.concatenate([-c, np.zeros(p), h[active]]))
    assert (point[n + p:] > 0).all() and (G @ point[:n] <= h + 1e-12).all()
    u = np.linalg.solve(K, np.concatenate([v, np.zeros(k)]))
    slopes = np.zeros(m)
    slopes[active] = u[n + p:]
    return np.concatenate([-u[:n], u[n:n + p], slopes])


def sinkhorn(n, d):
    C, a, b, W = d["C"], d["a"], d["b"], d["W"]
    K = np.exp(-C / 0.1)
    s = np.ones(n)
    for _ in range(10_000):
        r = a / (K @ s)
        s, last = b / (r @ K), s
        if abs(s / last - 1).max() < 1e-15:
            break
    P = r[:, None] * K * s
    # The marginals in the potentials, the last one pinned.
    J = np.block([[np.diag(P.sum(1)), P], [P.T, np.diag(P.sum(0))]])[:-1, :-1] / 0.1
    moments = np.concatenate([(P * W).sum(1), (P * W).sum(0)])[:-1] / 0.1
    u = np.append(np.linalg.solve(J, moments), 0)
    return (P / 0.1 * (u[:n, None] + u[n:] - W)).ravel()


def thomas(below, diagonal, above, b):
    """Elimination without exchanges, in whatever precision the arrays have."""
    d, x = diagonal.copy(), b.copy()
    for i in range(1, len(b)):
        factor = below[i - 1] / d[i - 1]
        d[i] -= factor * above[i - 1]
        x[i] -= factor * x[i - 1]
    x[-1] /= d[-1]
    for i in range(len(b) - 2, -1, -1):
        x[i] = (x[i] - above[i] * x[i + 1]) / d[i]
    return x


def bratu(n, d):
    coefficients, v = d["lambda"].astype(np.longdouble), d["v"].astype(np.longdouble)
    spacing = 1.0 / (n + 1)
    square = np.longdouble(spacing * spacing)
    side = -np.ones(n - 1, dtype=np.longdouble)
    u = np.zeros(n, dtype=np.longdouble)
    for _ in range(8):
        padded = np.pad(u, 1)
        reaction = square * coefficients * np.exp(u)
        F = 2 * u - padded[:-2] - padded[2:] - reaction
        u = u - thomas(side, 2 - reaction, side, F)
    reaction = square * coefficients * np.exp(u)
    w = thomas(side, 2 - reaction, side, v)
    return (w * square * np.exp(u)).astype(float)


def softmax(n, d):
    y = np.exp(d["x"] - d["x"].max())
    y /= y.sum()
    return y * (d["v"] - y @ d["v"])


def tridiagonal(n, d, lower=1.0, upper=0.5, transposed=True):
    y = d["y"]
    band = np.zeros((3, n))
    band[1] = 4 + 3 * y * y
    above, below = (-lower, -upper) if transposed else (-upper, -lower)
    band[0, 1:], band[2, :-1] = above, below
    return solve_banded((1, 1), band, d["v"])


def ridge_mechanism(n, d):
    m = len(d["y"])
    H = d["X"].T @ d["X"] / m + 0.1 * np.eye(n)
    solutions = np.linalg.solve(H, np.stack([d["X"].T @ d["y"] / m, d["c"]], axis=1))
    return -solutions[:, 1] * solutions[:, 0]


def reference(problem, n, clock):
    d = problems.PROBLEMS[problem](n)
    if problem.startswith("tridiagonal"):
        upper = 1.0 if problem.endswith("symmetric") else 0.5
        return tridiagonal(n, d, upper=upper, transposed="pushforward" not in clock)
    return {
        "ridge": ridge, "qp": qp, "sinkhorn": sinkhorn, "bratu": bratu, "softmax": softmax,
        "softmax-mirror": softmax, "ridge-mechanism": ridge_mechanism,
    }[problem](n, d)

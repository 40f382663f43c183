"""The other libraries on the problems, each at its best: compiled ahead, structure declared where the
library can be told, tolerances for gradients of about nine digits.

`contestants(problem, n, clock)` gives, for each contestant, its name and a function that makes it
ready (that is not timed) and returns what is timed: a call that returns the gradient.
"""

import functools
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np

import problems

TOLERANCE = 1e-11


def contestants(problem, n, clock):
    """Pairs of a name and a function that prepares; in the order of registration."""
    return [(name, functools.partial(make, problems.PROBLEMS[problem](n)))
            for (its_problem, its_clock, name, largest, make) in REGISTERED
            if its_problem == problem and its_clock == clock and n <= largest]


REGISTERED = []


def contestant(problem, clock, name, largest=1 << 60):
    def register(make):
        REGISTERED.append((problem, clock, name, largest, make))
        return make
    return register


GRADIENT = "solve+gradient"


def compiled(function, *arguments):
    """`function` of JAX arrays, compiled, as a call that waits for its result."""
    import jax
    import jax.numpy as jnp

    arguments = [jnp.asarray(a) for a in arguments]
    program = jax.jit(function).lower(*arguments).compile()
    return lambda: np.asarray(program(*arguments))


def jax_modules():
    import jax
    jax.config.update("jax_enable_x64", True)
    # The caller's thread computes: no handing over, and nothing to wait for.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    import jax.numpy as jnp
    return jax, jnp


def krylov(name, tolerance=TOLERANCE, **settings):
    """A solver of `jaxopt.linear_solve` with a tolerance for nine digits and more."""
    def solve(matvec, b, **_):
        import jaxopt.linear_solve
        return getattr(jaxopt.linear_solve, "solve_" + name)(
            matvec, b, tol=tolerance, **settings)
    return solve


# ridge ------------------------------------------------------------------------------------------

def ridge_gradient(d, minimiser):
    """`minimiser(objective, start, theta, data)` gives the weights, differentiable in theta."""
    jax, jnp = jax_modules()
    m, n = d["X"].shape

    def objective(w, theta, data):
        X, y = data
        r = X @ w - y
        return 0.5 / m * jnp.vdot(r, r) + 0.5 * jnp.vdot(theta, w * w)

    def loss(theta, X, y, Xv, yv):
        r = Xv @ minimiser(objective, jnp.zeros(n), theta, (X, y)) - yv
        return 0.5 / m * jnp.vdot(r, r)

    return compiled(jax.grad(loss), np.full(n, 0.1), d["X"], d["y"], d["Xv"], d["yv"])


@contestant("ridge", GRADIENT, "jaxopt gradient descent")
def _(d):
    jax_modules()
    import jaxopt
    H = d["X"].T @ d["X"] / len(d["y"])
    step = 1 / (np.linalg.eigvalsh(H)[-1] + 0.1)
    return ridge_gradient(d, lambda f, w, theta, data: jaxopt.GradientDescent(
        f, stepsize=step, tol=1e-10, maxiter=1000, implicit_diff_solve=krylov("cg"),
    ).run(w, theta, data).params)


@contestant("ridge", GRADIENT, "jaxopt L-BFGS")
def _(d):
    jax_modules()
    import jaxopt
    return ridge_gradient(d, lambda f, w, theta, data: jaxopt.LBFGS(
        f, tol=1e-10, maxiter=500, implicit_diff_solve=krylov("cg"),
    ).run(w, theta, data).params)


@contestant("ridge", GRADIENT, "optimistix BFGS", largest=200)
def _(d):
    jax_modules()
    import lineax as lx
    import optimistix as optx
    return ridge_gradient(d, lambda f, w, theta, data: optx.minimise(
        lambda w, a: f(w, *a), optx.BFGS(rtol=1e-9, atol=1e-10), w, (theta, data),
        adjoint=optx.ImplicitAdjoint(lx.CG(rtol=TOLERANCE, atol=0.0)), max_steps=1000,
        tags=frozenset({lx.positive_semidefinite_tag})).value)


@contestant("ridge", GRADIENT, "optimistix Newton", largest=200)
def _(d):
    jax, _ = jax_modules()
    import lineax as lx
    import optimistix as optx
    tags = frozenset({lx.positive_semidefinite_tag, lx.symmetric_tag})
    solver = lx.Cholesky()
    return ridge_gradient(d, lambda f, w, theta, data: optx.root_find(
        lambda w, a: jax.grad(f)(w, *a),
        optx.Newton(rtol=1e-9, atol=1e-10, linear_solver=solver), w, (theta, data),
        adjoint=optx.ImplicitAdjoint(solver), tags=tags).value)


@contestant("ridge", GRADIENT, "torchopt Adam, CG", largest=10)
def _(d):
    import torch
    import torchopt
    torch.set_num_threads(1)
    t = {k: torch.tensor(v) for k, v in d.items()}
    m, n = d["X"].shape
    H = t["X"].T @ t["X"] / m
    step = float(1 / (torch.linalg.eigvalsh(H)[-1] + 0.1))

    def optimality(w, theta):
        return t["X"].T @ (t["X"] @ w - t["y"]) / m + theta * w

    @torchopt.diff.implicit.custom_root(
        optimality, argnums=1, solve=torchopt.linear_solve.solve_cg(rtol=TOLERANCE, atol=0.0))
    def solve(w, theta):
        with torch.no_grad():
            for _ in range(2000):
                g = optimality(w, theta)
                if torch.linalg.vector_norm(g) < 1e-10:
                    break
                w = w - step * g
        return w

    def run():
        theta = torch.full((n,), 0.1, dtype=torch.float64, requires_grad=True)
        w = solve(torch.zeros(n, dtype=torch.float64), theta)
        r = t["Xv"] @ w - t["yv"]
        return torch.autograd.grad(0.5 / m * (r @ r), theta)[0].numpy()

    return run


# qp ---------------------------------------------------------------------------------------------

def osqp(d, solve, iteration, tolerance=1e-9):
    # The default `implicit_diff_solve` leaves 6 % of error at n = 50, GMRES 2 %, and dense
    # elimination NaN, for the KKT matrix has multipliers of both sides and is singular.
    jax, jnp = jax_modules()
    import jaxopt
    solver = jaxopt.OSQP(
        tol=tolerance, maxiter=20000, eq_qp_solve=iteration, implicit_diff_solve=solve)

    def loss(cbh, Q, A, G, v):
        c, b, h = cbh
        found = solver.run(params_obj=(Q, c), params_eq=(A, b), params_ineq=(G, h)).params
        return jnp.vdot(v, found.primal)

    def gradient(c, b, h, Q, A, G, v):
        return jnp.concatenate(jax.grad(loss)((c, b, h), Q, A, G, v))

    b = np.zeros(len(d["A"]))
    return compiled(gradient, d["c"], b, d["h"], d["Q"], d["A"], d["G"], d["v"])


@contestant("qp", GRADIENT, "jaxopt OSQP, BiCGStab", largest=50)
def _(d):
    return osqp(d, krylov("bicgstab", maxiter=5000), "cg")


@contestant("qp", GRADIENT, "jaxopt OSQP, normal CG")
def _(d):
    return osqp(d, krylov("normal_cg", maxiter=5000), "cg")


@contestant("qp", GRADIENT, "jaxopt OSQP by LU, normal CG")
def _(d):
    return osqp(d, krylov("normal_cg", maxiter=5000), "lu")


@contestant("qp", GRADIENT, "qpth")
def _(d):
    import torch
    from qpth.qp import QPFunction
    torch.set_num_threads(1)
    t = {k: torch.tensor(v) for k, v in d.items()}
    solve = QPFunction(eps=1e-12, verbose=-1, maxIter=30, check_Q_spd=False)

    def run():
        b = torch.zeros(len(d["A"]), dtype=torch.float64)
        free = [x.clone().requires_grad_() for x in (t["c"], b, t["h"])]
        y = solve(t["Q"], free[0], t["G"], free[2], t["A"], free[1])
        slopes = torch.autograd.grad(y[0] @ t["v"], free)
        return torch.cat(slopes).numpy()

    return run


@contestant("qp", GRADIENT, "cvxpylayers", largest=50)
def _(d):
    import cvxpy as cp
    import torch
    from cvxpylayers.torch import CvxpyLayer
    torch.set_num_threads(1)
    n, p, m = len(d["c"]), len(d["A"]), len(d["G"])
    y, c, b, h = cp.Variable(n), cp.Parameter(n), cp.Parameter(p), cp.Parameter(m)
    problem = cp.Problem(
        cp.Minimize(0.5 * cp.quad_form(y, cp.psd_wrap(d["Q"])) + c @ y),
        [d["A"] @ y == b, d["G"] @ y <= h])
    layer = CvxpyLayer(problem, parameters=[c, b, h], variables=[y])
    v = torch.tensor(d["v"])

    def run():
        free = [torch.tensor(x).requires_grad_() for x in (d["c"], np.zeros(p), d["h"])]
        y, = layer(*free, solver_args={"eps_abs": 1e-10, "eps_rel": 1e-10, "eps": 1e-10})
        return torch.cat(torch.autograd.grad(y @ v, free)).numpy()

    return run


# sinkhorn ---------------------------------------------------------------------------------------

EPSILON = 0.1


@contestant("sinkhorn", GRADIENT, "jaxopt fixed point")
def _(d):
    jax, jnp = jax_modules()
    import jaxopt

    # Scalings, not potentials: an iteration is two products with a matrix. The first scaling is
    # normalised, so that the fixed point is unique.
    def step(u, C, a, b):
        K = jnp.exp(-C / EPSILON)
        u = a / (K @ (b / (u @ K)))
        return u / jnp.mean(u)

    solver = jaxopt.FixedPointIteration(
        step, tol=1e-11, maxiter=10000, implicit_diff_solve=krylov("gmres", restart=20))

    def loss(C, a, b, W):
        u = solver.run(jnp.ones(len(a)), C, a, b).params
        K = jnp.exp(-C / EPSILON)
        v = b / (u @ K)
        u = a / (K @ v)
        return jnp.vdot(u, (K * W) @ v)

    return compiled(jax.grad(loss), d["C"], d["a"], d["b"], d["W"])


def ott_sinkhorn(d, lse_mode):
    jax, jnp = jax_modules()
    from ott.geometry import geometry
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import implicit_differentiation, sinkhorn

    solver = sinkhorn.Sinkhorn(
        lse_mode=lse_mode, threshold=1e-10, max_iterations=10000, inner_iterations=10,
        implicit_diff=implicit_differentiation.ImplicitDiff(
            solver_kwargs={"tol": TOLERANCE} if lse_mode is None else {}))

    def loss(C, a, b, W):
        geom = geometry.Geometry(cost_matrix=C, epsilon=EPSILON, scale_cost=1.0)
        return jnp.vdot(solver(linear_problem.LinearProblem(geom, a=a, b=b)).matrix, W)

    return compiled(jax.grad(loss), d["C"], d["a"], d["b"], d["W"])


@contestant("sinkhorn", GRADIENT, "ott-jax")
def _(d):
    return ott_sinkhorn(d, lse_mode=False)


@contestant("sinkhorn", GRADIENT, "ott-jax, logarithms")
def _(d):
    return ott_sinkhorn(d, lse_mode=True)


@contestant("sinkhorn", GRADIENT, "POT, unrolled by torch", largest=50)
def _(d):
    import ot
    import torch
    torch.set_num_threads(1)
    t = {k: torch.tensor(v) for k, v in d.items()}

    def run():
        C = t["C"].clone().requires_grad_()
        P = ot.sinkhorn(t["a"], t["b"], C, EPSILON, stopThr=1e-10, numItermax=10000)
        return torch.autograd.grad((P * t["W"]).sum(), C)[0].numpy()

    return run


# bratu ------------------------------------------------------------------------------------------

def bratu_gradient(d, tridiagonal):
    jax, jnp = jax_modules()
    import lineax as lx
    import optimistix as optx
    n = len(d["v"])
    h = 1 / (n + 1)

    def residual(u, coefficients):
        padded = jnp.pad(u, 1)
        return 2 * u - padded[:-2] - padded[2:] - h * h * coefficients * jnp.exp(u)

    tags = frozenset({lx.tridiagonal_tag} if tridiagonal else ())
    linear = lx.AutoLinearSolver(well_posed=True)

    def loss(coefficients, v):
        u = optx.root_find(
            residual, optx.Newton(rtol=1e-9, atol=1e-14, linear_solver=linear), jnp.zeros(n), coefficients, tags=tags, adjoint=optx.ImplicitAdjoint(linear)).value
        return jnp.vdot(v, u)

    return compiled(jax.grad(loss), d["lambda"], d["v"])


@contestant("bratu", GRADIENT, "optimistix, tridiagonal declared")
def _(d):
    return bratu_gradient(d, True)


@contestant("bratu", GRADIENT, "optimistix, undeclared", largest=1000)
def _(d):
    return bratu_gradient(d, False)


# softmax ----------------------------------------------------------------------------------------

def softmax_gradient(d, conditions, packed, solve):
    """`conditions(z, x) = 0`, the solution in closed form, the derivative through the conditions."""
    jax, jnp = jax_modules()
    from jaxopt import implicit_diff
    n = len(d["x"])

    @implicit_diff.custom_root(conditions, solve=solve)
    def solution(_, x):
        return packed(jax.nn.softmax(x), 1 - jax.nn.logsumexp(x))

    def loss(x, v):
        return jnp.vdot(v, solution(None, x)[:n])

    return compiled(jax.grad(loss), d["x"], d["v"])


def dense_lu(matvec, b, **_):
    import jaxopt.linear_solve
    return jaxopt.linear_solve.solve_lu(matvec, b)


def kkt(n):
    _, jnp = jax_modules()

    def conditions(z, x):
        y, u, v = z[:n], z[n], z[n + 1:]
        return jnp.concatenate(
            [x - jnp.log(y) - 1 + u + v, jnp.array([y.sum() - 1]), v * y])

    return conditions, lambda y, u: jnp.concatenate([y, jnp.array([u]), jnp.zeros(n)])


@contestant("softmax", GRADIENT, "jaxopt, KKT, LU", largest=1000)
def _(d):
    conditions, packed = kkt(len(d["x"]))
    return softmax_gradient(d, conditions, packed, dense_lu)


@contestant("softmax", GRADIENT, "jaxopt, KKT, GMRES")
def _(d):
    conditions, packed = kkt(len(d["x"]))
    return softmax_gradient(d, conditions, packed, krylov("gmres", restart=50, maxiter=20))


@contestant("softmax", GRADIENT, "jaxopt, KKT, normal CG")
def _(d):
    conditions, packed = kkt(len(d["x"]))
    return softmax_gradient(d, conditions, packed, krylov("normal_cg", maxiter=2000))


def mirror_map(n):
    jax, jnp = jax_modules()
    # One step of mirror descent: a fixed point in y alone.
    return (lambda y, x: jax.nn.softmax(0.5 * jnp.log(y) + 0.5 * (x - 1)) - y,
            lambda y, u: y)


@contestant("softmax-mirror", GRADIENT, "jaxopt, GMRES")
def _(d):
    conditions, packed = mirror_map(len(d["x"]))
    return softmax_gradient(d, conditions, packed, krylov("gmres", restart=10))


@contestant("softmax-mirror", GRADIENT, "jaxopt, BiCGStab")
def _(d):
    conditions, packed = mirror_map(len(d["x"]))
    return softmax_gradient(d, conditions, packed, krylov("bicgstab"))


# tridiagonal ------------------------------------------------------------------------------------

def cubic(lower, upper):
    _, jnp = jax_modules()

    def residual(y, x):
        padded = jnp.pad(y, 1)
        return 4 * y + y * y * y - lower * padded[:-2] - upper * padded[2:] - x

    return residual


def tridiagonal_vjp(d, lower, upper, solve):
    jax, jnp = jax_modules()
    from jaxopt import implicit_diff
    residual = cubic(lower, upper)

    def gradient(y, x, v):
        return implicit_diff.root_vjp(residual, y, (x,), v, solve=solve)[0]

    return compiled(gradient, d["y"], d["x"], d["v"])


def lineax_tridiagonal(d, lower, upper, transposed):
    jax, jnp = jax_modules()
    import lineax as lx
    residual = cubic(lower, upper)

    def answer(y, x, v):
        A = lx.JacobianLinearOperator(residual, y, x, tags=lx.tridiagonal_tag)
        if not transposed:
            _, right = jax.jvp(lambda x: residual(y, x), (x,), (v,))
            return -lx.linear_solve(A, right, lx.Tridiagonal()).value
        A = lx.materialise(A)
        u = lx.linear_solve(A.T, v, lx.Tridiagonal()).value
        _, back = jax.vjp(lambda x: residual(y, x), x)
        return -back(u)[0]

    return compiled(answer, d["y"], d["x"], d["v"])


def gtsv(d, lower, upper, transposed):
    """The diagonals are at hand: nothing is differentiated inside the clock."""
    from scipy.linalg.lapack import dgtsv
    y, v = d["y"], d["v"]
    n = len(y)
    diagonal = 4 + 3 * y * y
    below, above = np.full(n - 1, -lower), np.full(n - 1, -upper)
    if transposed:
        below, above = above, below
    return lambda: dgtsv(below, diagonal, above, v)[3]


for its_name, its_lower, its_upper in [
        ("tridiagonal", 1.0, 0.5), ("tridiagonal-symmetric", 1.0, 1.0)]:
    sides = dict(lower=its_lower, upper=its_upper)
    for its_clock, its_side in [("cold", True), ("cold pushforward", False)]:
        contestant(its_name, its_clock, "lineax, tridiagonal declared")(
            functools.partial(lineax_tridiagonal, transposed=its_side, **sides))
    for its_clock, its_side in [("warm", True), ("warm pushforward", False)]:
        contestant(its_name, its_clock, "LAPACK gtsv by scipy")(
            functools.partial(gtsv, transposed=its_side, **sides))
    contestant(its_name, "cold", "jaxopt, GMRES", largest=10_000)(functools.partial(
        tridiagonal_vjp, solve=krylov("gmres", restart=30), **sides))
    contestant(its_name, "cold", "jaxopt, BiCGStab")(functools.partial(
        tridiagonal_vjp, solve=krylov("bicgstab"), **sides))


# ridge-mechanism --------------------------------------------------------------------------------

def mechanism_weights(d):
    X = d["X"]
    m, n = X.shape
    H = X.T @ X / m + 0.1 * np.eye(n)
    return np.linalg.solve(H, X.T @ d["y"] / m)


@contestant("ridge-mechanism", "cold", "jaxopt, CG")
def _(d):
    jax, jnp = jax_modules()
    from jaxopt import implicit_diff
    m = len(d["y"])

    def slope(w, theta, X, y):
        return X.T @ (X @ w - y) / m + theta * w

    def gradient(w, theta, c, X, y):
        return implicit_diff.root_vjp(
            lambda w, theta: slope(w, theta, X, y), w, (theta,), c,
            solve=krylov("cg", tolerance=1e-10))[0]

    theta = np.full(len(d["c"]), 0.1)
    return compiled(gradient, mechanism_weights(d), theta, d["c"], d["X"], d["y"])


@contestant("ridge-mechanism", "cold", "LAPACK Cholesky by scipy", largest=1000)
def _(d):
    from scipy.linalg.blas import dsyrk
    from scipy.linalg.lapack import dpotrf, dpotrs
    X, c, w = np.asfortranarray(d["X"].T), d["c"], mechanism_weights(d)
    m = len(d["y"])

    def run():
        H = dsyrk(1 / m, X)
        H[np.diag_indices_from(H)] += 0.1
        factor, _ = dpotrf(H, overwrite_a=True)
        return -dpotrs(factor, c)[0] * w

    return run


@contestant("ridge-mechanism", "warm", "LAPACK Cholesky by scipy, factor kept", largest=1000)
def _(d):
    from scipy.linalg.lapack import dpotrf, dpotrs
    X, c, w = d["X"], d["c"], mechanism_weights(d)
    H = X.T @ X / len(d["y"]) + 0.1 * np.eye(len(c))
    factor, _ = dpotrf(np.asfortranarray(H))
    return lambda: -dpotrs(factor, c)[0] * w


@contestant("ridge-mechanism", "warm", "conjugate gradients by scipy")
def _(d):
    from scipy.sparse.linalg import LinearOperator, cg
    X, c, w = d["X"], d["c"], mechanism_weights(d)
    (m, n), theta = X.shape, 0.1
    H = LinearOperator((n, n), matvec=lambda v: X.T @ (X @ v) / m + theta * v)
    return lambda: -cg(H, c, rtol=1e-10, atol=0.0)[0] * w

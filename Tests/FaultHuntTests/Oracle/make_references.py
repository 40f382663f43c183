"""Writes references.csv: the derivatives of random implicit problems to 30 digits.

    pip install -r requirements.txt
    python3 make_references.py [--seed 1] [--count 500] > references.csv

The problems are those of Benchmarks/FaultOracle, made once more: the same draws in the same order,
with additions, multiplications, divisions and square roots of doubles alone, so that every number has
the same bits (column `fingerprint`). The references share nothing else with the Swift code: equations
and derivatives are evaluated in 60 digits, the solution comes from Newton's method, the derivative
from LU. Of each derivative a row holds the 2-norm and four sums of its entries with random signs.
"""

import argparse
import math
import struct
import sys

from mpmath import mp, mpf

mp.dps = 60
MASK = (1 << 64) - 1

KINDS = ["root", "stationary", "fixedPoint", "leastSquares", "linearSystem", "bandedSystem",
         "products", "constrained", "quadraticProgram", "lasso", "box"]
KINKED = ["constrained", "quadraticProgram", "lasso", "box"]
CONSTRAINED = ["constrained", "quadraticProgram"]
OBJECTIVE = ["stationary", "constrained", "quadraticProgram", "lasso", "box"]
LINEAR = ["linearSystem", "bandedSystem", "quadraticProgram"]
# Of each false declaration: the kind of conditions, and the form of the Jacobian.
DECLARATIONS = ([("root", "general")] * 3 + [("root", "nearlyDefinite")] * 3
                + [("stationary", "indefinite")] * 2
                + [("products", "nearlyTridiagonal")] + [("products", "general")] * 2)
POISONS = 9


# MARK: Numbers

class Numbers:
    """SplitMix64, and doubles made of it without rounding other than that of + and *."""

    def __init__(self, seed, index):
        self.state = seed
        self.state = self.next() ^ (index * 0xD1342543DE82EF95 & MASK)

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def unit(self):
        return float(self.next() >> 11) * 2.0**-53

    def symmetric(self):
        return 2 * self.unit() - 1

    def symmetrics(self, count):
        return [self.symmetric() for _ in range(count)]

    def away_from_zero(self):
        size = 0.5 + self.unit()
        return size if self.next() & 1 == 0 else -size

    def below(self, count):
        return self.next() % count

    def log_uniform(self, octaves):
        return exponential(self.unit() * octaves)


def exponential(t):
    whole = int(t)
    return (1 + (t - whole)) * 2.0**whole


def dot(u, v):
    total = 0.0
    for a, b in zip(u, v):
        total += a * b
    return total


# MARK: Equations, as lists of (row, coefficient, variables of (y, x))

class Equations:
    def __init__(self, rows, n, m, least_squares=False):
        self.rows, self.n, self.m, self.least_squares = rows, n, m, least_squares
        self.terms = []

    def add(self, coefficient, row, *factors):
        if coefficient != 0:
            self.terms.append((row, coefficient, factors))

    def scaled(self, unknowns, rows):
        result = Equations(self.rows, self.n, self.m, self.least_squares)
        for row, coefficient, factors in self.terms:
            coefficient *= rows[row]
            for k in factors:
                if k < self.n:
                    coefficient *= unknowns[k]
            result.terms.append((row, coefficient, factors))
        return result

    def values(self, v, number=float):
        out = [number(0)] * self.rows
        for row, coefficient, factors in self.terms:
            value = number(coefficient)
            for k in factors:
                value = value * v[k]
            out[row] = out[row] + value
        return out

    def partials(self, v, number=float):
        for row, coefficient, factors in self.terms:
            for k in range(len(factors)):
                value = number(coefficient)
                for l in range(len(factors)):
                    if l != k:
                        value = value * v[factors[l]]
                yield row, factors[k], value

    def second_partials(self, v):
        for row, coefficient, factors in self.terms:
            for k in range(len(factors)):
                for l in range(len(factors)):
                    if l != k:
                        value = mpf(coefficient)
                        for p in range(len(factors)):
                            if p != k and p != l:
                                value = value * v[factors[p]]
                        yield row, factors[k], factors[l], value

    def rows_jacobian(self, v, number=float):
        out = [number(0)] * (self.rows * self.n)
        for row, k, value in self.partials(v, number):
            if k < self.n:
                out[row * self.n + k] = out[row * self.n + k] + value
        return out

    # In 60 digits: F, A, B ẋ and Bᵀu, of the rows or of their least squares.

    def residual(self, v):
        values = self.values(v, mpf)
        return self.pulled(self.rows_jacobian(v, mpf), values) if self.least_squares else values

    def pulled(self, R, w):
        return [sum((R[k * self.n + j] * w[k] for k in range(self.rows)), mpf(0))
                for j in range(self.n)]

    def jacobian(self, v):
        n = self.n
        R = self.rows_jacobian(v, mpf)
        if self.least_squares:
            r = self.values(v, mpf)
            S = [mpf(0)] * (n * n)
            for i in range(n):
                for j in range(n):
                    S[i * n + j] = sum(
                        (R[k * n + i] * R[k * n + j] for k in range(self.rows)), mpf(0))
            for row, a, b, value in self.second_partials(v):
                if a < n and b < n:
                    S[a * n + b] += r[row] * value
            R = S
        return [R[i * n:(i + 1) * n] for i in range(n)]

    def input_product(self, v, tangent):
        n = self.n
        change = [mpf(0)] * self.rows
        for row, k, value in self.partials(v, mpf):
            if k >= n:
                change[row] += value * tangent[k - n]
        if not self.least_squares:
            return change
        out = self.pulled(self.rows_jacobian(v, mpf), change)
        r = self.values(v, mpf)
        for row, a, b, value in self.second_partials(v):
            if a < n <= b:
                out[a] += r[row] * value * tangent[b - n]
        return out

    def transposed_input_product(self, v, u):
        n = self.n
        weights = u
        if self.least_squares:
            R = self.rows_jacobian(v, mpf)
            weights = [sum((R[k * n + j] * u[j] for j in range(n)), mpf(0))
                       for k in range(self.rows)]
        out = [mpf(0)] * self.m
        for row, k, value in self.partials(v, mpf):
            if k >= n:
                out[k - n] += value * weights[row]
        if self.least_squares:
            r = self.values(v, mpf)
            for row, a, b, value in self.second_partials(v):
                if a < n <= b:
                    out[b - n] += r[row] * value * u[a]
        return out


# MARK: The polynomial (see Smooth.swift)

class Smooth:
    def __init__(self, rows, n, m, q, c, g):
        self.rows, self.n, self.m = rows, n, m
        self.K, self.C, self.r = [0.0] * (rows * n), [0.0] * (rows * m), [0.0] * rows
        self.q, self.c, self.g = q, c, g

    def add_linear(self, i, system, first):
        for j in range(self.n):
            system.add(self.K[i * self.n + j], i, j)
        for k in range(self.m):
            system.add(self.C[i * self.m + k], i, first + k)
        system.add(self.r[i], i)

    def add_rows(self, system, first):
        for i in range(self.rows):
            self.add_linear(i, system, first)
        for i in range(self.rows):
            a, b = i % self.n, (i + 1) % self.n
            system.add(self.q[i], i, a, b)
            system.add(self.c[i], i, a, a, a)
            if self.m > 0:
                system.add(self.g[i], i, first + i % self.m, a)

    def add_gradient(self, row, system, first):
        self.add_linear(row, system, first)
        for i in range(self.rows):
            a, b = i, (i + 1) % self.n
            if row == a:
                system.add(2 * self.q[i], a, a, b)
                system.add(4 * self.c[i], a, a, a, a)
                if self.m > 0:
                    system.add(self.g[i], a, first + i % self.m, b)
            if row == b:
                system.add(self.q[i], b, a, a)
                if self.m > 0:
                    system.add(self.g[i], b, first + i % self.m, a)

    def system(self, kind):
        system = Equations(self.rows, self.n, self.m)
        if kind in OBJECTIVE:
            for i in range(self.rows):
                self.add_gradient(i, system, self.n)
        else:
            self.add_rows(system, self.n)
        return system

    def set_linear_part(self, kind, target, draft):
        n = self.n
        point = draft.y + draft.parameters
        curvature = self.system(kind).rows_jacobian(point)
        for i in range(self.rows):
            for j in range(n):
                self.K[i * n + j] = (target.entries[i * n + j] - curvature[i * n + j]
                                     + (1 if kind == "fixedPoint" and i == j else 0))
        if kind in OBJECTIVE:
            for i in range(n):
                for j in range(i):
                    self.K[i * n + j] = self.K[j * n + i]
        value = self.system(kind).values(point)
        self.r = [w - v for w, v in zip(draft.wanted, value)]


# MARK: The Jacobian at the solution (see TargetMatrix.swift)

class Target:
    def __init__(self, form, size, rows, columns, octaves, numbers):
        self.rows, self.columns = rows, columns
        self.entries = [0.0] * (rows * columns)
        self.soft, self.outside = [0.0] * columns, [0.0] * rows
        if form in ("tridiagonal", "nearlyTridiagonal"):
            self.fill_tridiagonal(octaves, numbers)
        else:
            self.fill_reflected(form, octaves, numbers)
        if form in ("nearlyDefinite", "nearlyTridiagonal"):
            for k in range(len(self.entries)):
                self.entries[k] += size * numbers.symmetric()

    def fill_reflected(self, form, octaves, numbers):
        n = self.columns
        for i in range(n):
            place = 0.0 if i == 0 else 1.0 if i == n - 1 else numbers.unit()
            value = 1 / exponential(place * octaves)
            if self.rows > n:
                value = math.sqrt(value)  # correctly rounded, as IEEE 754 asks
            if form == "indefinite" and i % 2 == 0:
                value = -value
            self.entries[i * n + i] = value
        self.soft[n - 1] = 1.0
        for i in range(n, self.rows):
            self.outside[i] = numbers.symmetric()
        symmetric = form != "general"
        for _ in range(min(self.rows, 8)):
            left = numbers.symmetrics(self.rows)
            right = left if symmetric else numbers.symmetrics(n)
            self.reflect(left, right)
        if symmetric:
            for i in range(n):
                for j in range(i):
                    self.entries[i * n + j] = self.entries[j * n + i]

    def reflect(self, u, v):
        n, a = self.columns, self.entries
        uf, vf = 2 / dot(u, u), 2 / dot(v, v)
        for j in range(n):
            total = 0.0
            for i in range(self.rows):
                total += u[i] * a[i * n + j]
            total *= uf
            for i in range(self.rows):
                a[i * n + j] -= total * u[i]
        for i in range(self.rows):
            total = 0.0
            for j in range(n):
                total += a[i * n + j] * v[j]
            total *= vf
            for j in range(n):
                a[i * n + j] -= total * v[j]
        o, s = uf * dot(u, self.outside), vf * dot(v, self.soft)
        for i in range(self.rows):
            self.outside[i] -= o * u[i]
        for j in range(n):
            self.soft[j] -= s * v[j]

    def fill_tridiagonal(self, octaves, numbers):
        n = self.columns
        for i in range(n):
            below = 0.0 if i == 0 else 0.5 + 0.5 * numbers.unit()
            above = 0.0 if i == n - 1 else 0.5 + 0.5 * numbers.unit()
            if i > 0:
                self.entries[i * n + i - 1] = -below
            if i < n - 1:
                self.entries[i * n + i + 1] = -above
            self.entries[i * n + i] = 1.0 if n == 1 else below + above + 1 / exponential(octaves)
            self.soft[i] = 1.0

    def multiplied(self, W, columns):
        out = [0.0] * (self.rows * columns)
        for i in range(self.rows):
            for k in range(columns):
                total = 0.0
                for j in range(self.columns):
                    total += self.entries[i * self.columns + j] * W[j * columns + k]
                out[i * columns + k] = total
        return out



# MARK: The solution (see Draft.swift)

class Draft:
    def __init__(self, variables, equalities, inequalities, parameters):
        self.n, self.p, self.k = variables, equalities, inequalities
        self.parameters = parameters
        self.y, self.wanted, self.multipliers, self.extra, self.piece = [], [], [], [], []

    def lasso(self, margin, numbers):
        penalty = 0.5 + numbers.unit()
        self.extra = [penalty]
        for _ in range(self.n):
            on = numbers.below(2) == 1
            value = numbers.away_from_zero()
            slope = 0.8 * numbers.symmetric()
            sign = 1 if value > 0 else -1
            self.y.append(value if on else 0.0)
            self.piece.append(sign if on else 0)
            self.wanted.append(-penalty * (float(sign) if on else slope))
        if margin is None:
            return
        place = numbers.below(self.n)
        sign = 1 if numbers.below(2) == 1 else -1
        if numbers.below(2) == 1:
            self.y[place], self.piece[place] = float(sign) * margin, sign
            self.wanted[place] = -penalty * float(sign)
        else:
            self.y[place], self.piece[place] = 0.0, 0
            self.wanted[place] = -penalty * (float(sign) * (1 - margin))

    def box(self, margin, numbers):
        bound = 1.5 + numbers.unit()
        self.extra = [bound]
        for _ in range(self.n):
            place = numbers.below(4)
            inside = numbers.symmetric()
            slope = 0.5 + numbers.unit()
            side = 1 if place == 0 else -1 if place == 1 else 0
            self.y.append(inside if side == 0 else float(side) * bound)
            self.piece.append(side)
            self.wanted.append(-float(side) * slope)
        if margin is None:
            return
        place = numbers.below(self.n)
        sign = 1 if numbers.below(2) == 1 else -1
        if numbers.below(2) == 1:
            self.y[place], self.piece[place] = float(sign) * bound, sign
            self.wanted[place] = -float(sign) * margin
        else:
            self.y[place], self.piece[place] = float(sign) * (bound - margin), 0
            self.wanted[place] = 0.0

    def constrained(self, margin, numbers):
        n, m, p, k = self.n, len(self.parameters), self.p, self.k
        self.y = [numbers.away_from_zero() for _ in range(n)]
        self.E, self.Ex = numbers.symmetrics(p * n), numbers.symmetrics(p * m)
        self.G, self.Gx = numbers.symmetrics(k * n), numbers.symmetrics(k * m)
        nu = numbers.symmetrics(p)
        lam, slacks, room = [], [], n - p
        for _ in range(k):
            active = numbers.below(2) == 1 and room > 0
            size = 0.5 + numbers.unit()
            room -= active
            self.piece.append(1 if active else 0)
            lam.append(size if active else 0.0)
            slacks.append(0.0 if active else size)
        if margin is not None:
            place = numbers.below(k)
            if self.piece[place] == 1:
                lam[place] = margin
            else:
                slacks[place] = margin

        def values(matrix, inputs, count):
            out = []
            for i in range(count):
                total = 0.0
                for j in range(n):
                    total += matrix[i * n + j] * self.y[j]
                for j in range(m):
                    total += inputs[i * m + j] * self.parameters[j]
                out.append(total)
            return out

        self.e = [-v for v in values(self.E, self.Ex, p)]
        self.h = [-v - s for v, s in zip(values(self.G, self.Gx, k), slacks)]
        for j in range(n):
            total = 0.0
            for i in range(p):
                total += self.E[i * n + j] * nu[i]
            for i in range(k):
                total += self.G[i * n + j] * lam[i]
            self.wanted.append(-total)
        self.multipliers = nu + lam

    def is_free(self, i, kind):
        if kind == "lasso":
            return self.piece[i] != 0
        return self.piece[i] == 0 if kind == "box" else True


# MARK: Problems (see Generator.swift)

class Problem:
    def __init__(self, seed, index):
        slot, turn = index % 10, index // 10
        self.plant = {0: "kink", 1: "declaration", 2: "stop", 3: "poison"}.get(slot, "none")
        declared = None
        kind = KINDS[index % len(KINDS)]
        if slot == 0:
            kind = KINKED[turn % len(KINKED)]
        if slot == 1:
            kind, declared = DECLARATIONS[turn % len(DECLARATIONS)]
        self.kind = kind
        numbers = Numbers(seed, index)
        N = 61
        while N > 60:
            N = int(numbers.log_uniform(6))
        octaves = 40 * numbers.unit()
        m = 1 + numbers.below(5)
        drawn_strength = 1 / numbers.log_uniform(30)
        strength = 0.0 if kind in LINEAR else drawn_strength
        gentle, scaled, softly = (numbers.below(2) == 1 for _ in range(3))
        numbers.below(8)  # the linear solver, which concerns the library alone
        numbers.below(2), numbers.below(16)  # the scale of tangents, likewise

        n, p, k = N, 0, 0
        if kind in CONSTRAINED:
            if self.plant == "kink":
                N = max(N, 3)
            p = numbers.below(1 + N // 4)
            k = max(numbers.below(1 + N // 3), 1 if self.plant == "kink" else 0)
            n = N - p - k
            if kind == "quadraticProgram":
                m = 0
        self.N = N
        rows = n + 1 + numbers.below(n + 1) if kind == "leastSquares" else n
        q = [strength * s for s in numbers.symmetrics(rows)]
        c = [strength * s for s in numbers.symmetrics(rows)]
        g = [drawn_strength * s for s in numbers.symmetrics(rows)]
        if m == 0:
            g = [0 * s for s in g]
        smooth = Smooth(rows, n, m, q, c, g)
        parameters = numbers.symmetrics(m)
        size = 1 / numbers.log_uniform(40)
        form = declared or ("tridiagonal" if kind == "bandedSystem" else
                            "definite" if kind in OBJECTIVE else "general")
        target = Target(form, size, rows, n, octaves, numbers)
        smooth.C = (target.multiplied(numbers.symmetrics(n * m), m) if gentle
                    else numbers.symmetrics(rows * m))
        draft = Draft(n, p, k, parameters)
        margin = 1 / (16 * numbers.log_uniform(44))
        kink = margin if self.plant == "kink" else None
        if kind == "lasso":
            draft.lasso(kink, numbers)
        elif kind == "box":
            draft.box(kink, numbers)
        elif kind in CONSTRAINED:
            draft.constrained(kink, numbers)
        else:
            draft.y = [numbers.away_from_zero() for _ in range(n)]
            draft.wanted = [0.0] * rows
            if kind == "fixedPoint":
                draft.wanted = draft.y
            if kind == "leastSquares":
                rho = 1 / numbers.log_uniform(20)
                draft.wanted = [rho * o for o in target.outside]
        smooth.set_linear_part(kind, target, draft)

        self.unknown_scale, self.row_scale = [1.0] * N, [1.0] * max(rows, N)
        if scaled and kind not in KINKED:
            def powers(count):
                return [2.0**(numbers.below(25) - 12) for _ in range(count)]
            self.unknown_scale = powers(N)
            if kind == "stationary":
                self.row_scale = self.unknown_scale
            elif kind == "fixedPoint":
                self.row_scale = [1 / s for s in self.unknown_scale]
            elif kind != "leastSquares":
                self.row_scale = powers(N)

        y = draft.y + draft.multipliers
        found = list(y)
        stop = 1 / numbers.log_uniform(40)
        if self.plant == "stop":
            direction = (target.soft if softly and kind not in CONSTRAINED
                         else numbers.symmetrics(n))
            largest = max([abs(d) for d in direction] + [0.0])
            for i in range(n):
                if draft.is_free(i, kind):
                    found[i] += stop * direction[i] / largest
        if kind == "quadraticProgram":
            self.input = (smooth.K + smooth.r + draft.E + [-v for v in draft.e] + draft.G
                          + [-v for v in draft.h])
        else:
            self.input = parameters + draft.extra
        self.smooth, self.draft, self.piece = smooth, draft, draft.piece
        self.planned = [a / s for a, s in zip(y, self.unknown_scale)]
        self.found = [a / s for a, s in zip(found, self.unknown_scale)]
        self.tangent = numbers.symmetrics(len(self.input))
        self.cotangent = numbers.symmetrics(N)

    def fingerprint(self):
        value = 0xCBF29CE484222325
        s, d = self.smooth, self.draft
        parts = [s.K, s.C, s.r, s.q, s.c, s.g]
        if self.kind in CONSTRAINED:
            parts += [d.E, d.Ex, d.e, d.G, d.Gx, d.h]
        parts += [self.unknown_scale, self.row_scale, self.input, self.planned, self.found,
                  self.tangent, self.cotangent]
        for part in parts:
            for bits in struct.unpack(f"<{len(part)}Q", struct.pack(f"<{len(part)}d", *part)):
                value = ((value ^ bits) * 0x100000001B3) & MASK
        return value

    def equations(self, piece):
        kind, s, N = self.kind, self.smooth, self.N
        n = s.n
        system = Equations(s.rows if kind == "leastSquares" else N, N, len(self.input),
                           kind == "leastSquares")
        if kind in ("root", "leastSquares", "linearSystem", "bandedSystem", "products"):
            s.add_rows(system, N)
        elif kind == "fixedPoint":
            s.add_rows(system, N)
            for i in range(n):
                system.add(-1.0, i, i)
        elif kind == "stationary":
            for i in range(n):
                s.add_gradient(i, system, N)
        elif kind in ("lasso", "box"):
            extra = N + s.m
            for i in range(n):
                if kind == "lasso" and piece[i] == 0:
                    system.add(1.0, i, i)
                elif kind == "lasso":
                    s.add_gradient(i, system, N)
                    system.add(float(piece[i]), i, extra)
                elif piece[i] == 0:
                    s.add_gradient(i, system, N)
                else:
                    system.add(1.0, i, i)
                    system.add(-float(piece[i]), i, extra)
        elif kind == "constrained":
            self.add_constrained(piece, system)
        else:
            self.add_program(piece, system)
        return system.scaled(self.unknown_scale, self.row_scale)

    def add_constrained(self, piece, system):
        d, s, N = self.draft, self.smooth, self.N
        n, m, p, k = s.n, s.m, d.p, d.k
        for j in range(n):
            s.add_gradient(j, system, N)
            for i in range(p):
                system.add(d.E[i * n + j], j, n + i)
            for i in range(k):
                if piece[i]:
                    system.add(d.G[i * n + j], j, n + p + i)
        for matrix_, inputs, constants, first, kept in (
                (d.E, d.Ex, d.e, n, [1] * p), (d.G, d.Gx, d.h, n + p, piece)):
            for i in range(len(constants)):
                if not kept[i]:
                    system.add(1.0, first + i, first + i)
                    continue
                for j in range(n):
                    system.add(matrix_[i * n + j], first + i, j)
                for l in range(m):
                    system.add(inputs[i * m + l], first + i, N + l)
                system.add(constants[i], first + i)

    def add_program(self, piece, system):
        d, N = self.draft, self.N
        n, p, k = self.smooth.n, d.p, d.k
        c = N + n * n
        A = c + n
        b = A + p * n
        G = b + p
        h = G + k * n
        for i in range(n):
            for j in range(n):
                system.add(0.5, i, N + i * n + j, j)
                system.add(0.5, i, N + j * n + i, j)
            system.add(1.0, i, c + i)
            for l in range(p):
                system.add(1.0, i, A + l * n + i, n + l)
            for l in range(k):
                if piece[l]:
                    system.add(1.0, i, G + l * n + i, n + p + l)
        for l in range(p):
            for j in range(n):
                system.add(1.0, n + l, A + l * n + j, j)
            system.add(-1.0, n + l, b + l)
        for l in range(k):
            if not piece[l]:
                system.add(1.0, n + p + l, n + p + l)
                continue
            for j in range(n):
                system.add(1.0, n + p + l, G + l * n + j, j)
            system.add(-1.0, n + p + l, h + l)

    def corrected(self, piece, y, x):
        """What binds at y, a solution of the equations of `piece`."""
        if self.kind not in KINKED:
            return piece
        n = self.smooth.n
        if self.kind in CONSTRAINED:
            first = n + self.draft.p
            values = self.equations([1] * len(piece)).values(y + x, mpf)
            return [(0 if y[first + i] < 0 else 1) if on else (1 if values[first + i] > 0 else 0)
                    for i, on in enumerate(piece)]
        system = Equations(n, n, len(self.input))
        for i in range(n):
            self.smooth.add_gradient(i, system, n)
        gradient = system.values(y + x, mpf)
        limit = x[self.smooth.m]
        out = []
        for i, side in enumerate(piece):
            if self.kind == "lasso":
                if side == 0:
                    side = 1 if gradient[i] < -limit else -1 if gradient[i] > limit else 0
                elif y[i] * side < 0:
                    side = 0
            elif side == 0:
                side = 1 if y[i] > limit else -1 if y[i] < -limit else 0
            elif gradient[i] * side > 0:
                side = 0
            out.append(side)
        return out


# MARK: References

def norm(v):
    return mp.sqrt(sum((a * a for a in v), mpf(0)))


class LU:
    """P A = L U with partial pivoting, on lists: a third of the time of mpmath's own."""

    def __init__(self, A):
        self.n = n = len(A)
        self.order = list(range(n))
        for k in range(n):
            pivot = max(range(k, n), key=lambda i: abs(A[i][k]))
            if A[pivot][k] == 0:
                raise ZeroDivisionError
            A[k], A[pivot] = A[pivot], A[k]
            self.order[k], self.order[pivot] = self.order[pivot], self.order[k]
            top = A[k]
            for i in range(k + 1, n):
                row = A[i]
                if row[k] != 0:
                    row[k] = factor = row[k] / top[k]
                    row[k + 1:] = [a - factor * b for a, b in zip(row[k + 1:], top[k + 1:])]
        self.A = A

    def solve(self, b):
        n, A = self.n, self.A
        x = [b[i] for i in self.order]
        for k in range(n):
            x[k] -= sum((A[k][j] * x[j] for j in range(k)), mpf(0))
        for k in reversed(range(n)):
            x[k] = (x[k] - sum((A[k][j] * x[j] for j in range(k + 1, n)), mpf(0))) / A[k][k]
        return x

    def solve_transposed(self, b):
        n, A = self.n, self.A
        y = list(b)
        for k in range(n):
            y[k] = (y[k] - sum((A[i][k] * y[i] for i in range(k)), mpf(0))) / A[k][k]
        for k in reversed(range(n)):
            y[k] -= sum((A[i][k] * y[i] for i in range(k + 1, n)), mpf(0))
        x = [mpf(0)] * n
        for k in range(n):
            x[self.order[k]] = y[k]
        return x


def newton(equations, y, x, planned):
    size = norm([mpf(a) for a in planned])
    factors, last = None, mpf(1)
    for _ in range(60):
        try:
            factors = factors or LU(equations.jacobian(y + x))
        except ZeroDivisionError:
            return None
        step = factors.solve(equations.residual(y + x))
        y = [a - s for a, s in zip(y, step)]
        if norm([a - mpf(b) for a, b in zip(y, planned)]) > size / 10:
            return None
        if norm(step) == 0:
            return y
        length = norm(step) / norm(y)
        if length <= mpf(10)**-40:
            return y
        # Close by, the factors do for some more steps, as long as each gains eight digits.
        if length > mpf(10)**-12 or length > last * mpf(10)**-8:
            factors = None
        last = length
    return None


def reference(problem):
    x = [mpf(a) for a in problem.input]
    y = [mpf(a) for a in problem.planned]
    piece = problem.piece
    for _ in range(20):
        equations = problem.equations(piece)
        y = newton(equations, y, x, problem.planned)
        if y is None:
            return None
        following = problem.corrected(piece, y, x)
        if following != piece:
            piece = following
            continue
        factors = LU(equations.jacobian(y + x))
        tangent = [mpf(a) for a in problem.tangent]
        cotangent = [mpf(a) for a in problem.cotangent]
        forward = [-a for a in factors.solve(equations.input_product(y + x, tangent))]
        adjoint = factors.solve_transposed(cotangent)
        reverse = [-a for a in equations.transposed_input_product(y + x, adjoint)]
        return forward, reverse
    return None


def summary(vector, signs):
    """The 2-norm and four sums with random signs, a bit of a word for each entry."""
    numbers = [norm(vector)]
    words = [signs.next() for _ in vector]
    for k in range(4):
        numbers.append(sum((a if word >> k & 1 else -a for a, word in zip(vector, words)), mpf(0)))
    return [mp.nstr(a, 30, min_fixed=1, max_fixed=0) for a in numbers]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="index of the first problem")
    parser.add_argument("--count", type=int, default=500)
    options = parser.parse_args()
    if options.first == 0:
        print("index,fingerprint,forward norm,f1,f2,f3,f4,reverse norm,r1,r2,r3,r4")
    for index in range(options.first, options.first + options.count):
        problem = Problem(options.seed, index)
        found = reference(problem)
        row = [str(index), f"{problem.fingerprint():016x}"]
        if found is None:
            row += [""] * 10
        else:
            for vector in found:
                row += summary(vector, Numbers(options.seed ^ 0x5160, index))
        print(",".join(row), flush=True)
        if sys.stderr.isatty():
            print(f"\rproblem {index}", end="", file=sys.stderr)


if __name__ == "__main__":
    main()

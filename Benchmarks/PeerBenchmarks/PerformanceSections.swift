/// A problem on the page on performance.
struct PerformanceSection {
  var problem: String
  var title: String
  /// The problem, and how contestants were told.
  var text: String
  /// Tables and curves, a clock each, with what stands above the table.
  var clocks: [(name: String, heading: String)]
  /// Why we lose, said where we do.
  var reason: String

  static let whole = [(name: "solve+gradient", heading: "")]
  static let oneDerivative = [
    (name: "cold", heading: "From the solution to the first pullback:"),
    (name: "warm", heading: "One more pullback:"),
  ]

  static let all = [
    PerformanceSection(
      problem: "bratu", title: "Bratu: a band that nobody declares",
      text: """
        $2u_i - u_{i-1} - u_{i+1} - h^2 \\lambda_i e^{u_i} = 0$ on $n$ nodes, $L = v^{\\mathsf T}u$, and the
        gradient in all $\\lambda_i$ is wanted. We write the residual and nothing else; that its Jacobian
        is tridiagonal is found in the recording, at each step of Newton's method anew. The
        peer is told so by a tag, and appears a second time without.
        """,
      clocks: whole,
      reason: """
        Newton's method records and compiles the residual at every step, which a compiled program has
        behind it; the derivative does so once more, and checks that the point is a root.
        """),
    PerformanceSection(
      problem: "ridge", title: "Ridge regression: a gradient in the penalties",
      text: """
        $w(\\theta) = \\arg\\min \\tfrac1{2m}\\|Xw - y\\|^2 + \\tfrac12\\sum_j \\theta_j w_j^2$ with
        $m = 2n$, and $L$ the loss on other data. We state the objective; the library derives the gradient,
        finds that it is linear in $w$ when it solves, and factorises or iterates by its own choice.
        """,
      clocks: whole,
      reason: """
        For large $n$ the time is that of products with $X$, and we make more of them: solves end at a
        residual of $10^{-12}$, the matrix is probed for symmetry, and the check of the conditions is another
        solve. For small $n$ it is the recording.
        """),
    PerformanceSection(
      problem: "qp", title: "Quadratic programs: through the active set",
      text: """
        $\\min \\tfrac12 y^{\\mathsf T}Qy + c^{\\mathsf T}y$ with $n/5$ equations and $n/2$ inequalities, the
        gradient in $(c, b, h)$. We solve by an interior-point method, which ends at rounding level, and
        differentiate the KKT conditions of the active constraints.
        """,
      clocks: whole,
      reason: """
        The interior-point method factorises a dense matrix a dozen times where a first-order method
        factorises once or never; its solution is right to rounding, which the first-order method
        does not try.
        """),
    PerformanceSection(
      problem: "sinkhorn", title: "Optimal transport: a gradient in every cost",
      text: """
        The plan between two clouds of $n$ points at $\\varepsilon = 0.1$, $L = \\langle P, W\\rangle$, and the
        gradient in all $n^2$ costs. We and the fastest peer iterate on the same scalings, normalised so
        that the fixed point is unique, and differentiate that fixed point.
        """,
      clocks: whole,
      reason: """
        Each iteration of the loop allocates its tensors; the conditions record the $n \\times n$ kernel once
        more, and the check of the conditions is another solve.
        """),
    PerformanceSection(
      problem: "softmax", title: "Softmax through all of its KKT conditions",
      text: """
        $y = \\mathrm{softmax}(x)$ as the maximiser of $x^{\\mathsf T}y - \\sum y_i \\log y_i$ on the simplex:
        stationarity, the sum, and complementarity, $2n + 1$ equations. The solution is given in closed
        form, the derivative is not. The matrix is a diagonal, a border and another diagonal, badly scaled;
        Krylov methods stall on it, and dense elimination grows with the cube.
        """,
      clocks: whole,
      reason: """
        In this run the equations were recorded in every call, and the matrix was factorised densely where
        iteration had been tried first, or refused. Elimination by blocks, which came after it, reads the
        diagonals and the border off the recording and answers at every size, with errors below 1e-14; its time,
        spent on preparing and on checking, is still several times that of the best way to write the
        problem (next section).
        """),
    PerformanceSection(
      problem: "softmax-mirror", title: "Softmax as a fixed point of mirror descent",
      text: """
        The same derivative from $n$ equations instead: $y$ stays where it is in a step of mirror descent. Its
        Jacobian is half the identity and a matrix of rank one, the friendliest system of this page.
        """,
      clocks: whole,
      reason: """
        A Krylov method needs two products here. What is left is recording, the probes of the matrix,
        and the check of the conditions.
        """),
    PerformanceSection(
      problem: "tridiagonal", title: "One pullback of a tridiagonal system",
      text: """
        $4y_i + y_i^3 - y_{i-1} - \\tfrac12 y_{i+1} = x_i$ with its solution given, so that only the
        derivative is timed. *Cold* starts from $x$, $y$ and the cotangent: record the conditions, compile
        them, see the band, factorise, solve, check. *Warm* is the next cotangent, beside LAPACK's
        elimination with the diagonals at hand.
        """,
      clocks: oneDerivative,
      reason: """
        Cold, the conditions are recorded and compiled in the clock, and the condition of the matrix is
        estimated by a few solves, for the error that is stated with the answer. Warm, LAPACK's
        `gtsv` factorises anew each time and is done; our answer is tested before it is returned, which
        counts when $n$ is small.
        """),
    PerformanceSection(
      problem: "ridge-mechanism", title: "One pullback of ridge regression",
      text: """
        $-(H^{-1}c) \\circ w$ with $w$ given and $H = X^{\\mathsf T}X/m + \\operatorname{diag}\\theta$: nothing but
        products with a large matrix.
        """,
      clocks: oneDerivative,
      reason: """
        As with ridge regression: more products, for more digits and for checks. A kept Cholesky factor
        makes the next cotangent cheap, and beyond some hundred unknowns we keep none.
        """),
  ]
}

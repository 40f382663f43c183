/// A problem on the page on performance.
struct PerformanceSection {
  var problem: String
  var title: String
  /// The problem, and how contestants were told.
  var text: String
  /// Tables and curves, a clock each, with what stands above the table.
  var clocks: [(name: String, heading: String)]
  /// Where the time goes, said where we lose.
  var reason: String
  /// What was done about it, and what it gave.
  var tried: String

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
        With 10 unknowns 64 % of the time is Newton's method, which records and compiles the residual in each
        of its steps, as a compiled program need not; recording is a third of all, and counting references
        and asking for memory 40 %. With 10000, kernels take two thirds, and 37 % is the measuring of the
        error: the condition number, 10⁷, is too large for an estimate that promises eight digits.
        """,
      tried: """
        half as many allocations as before (a third less time with 10 unknowns); the Newton step as a further
        column of the condition estimate; errors measured at one better point instead of two (a tenth with 1000). A
        plan kept by the geometry of the recording was estimated to save a fifth, and not built.
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
        With 10 unknowns recording is 39 %, counting references as much. With 50 it is 26 %, the matrix
        10 %, its factorisation 16 %, counting references as much. With 200 it is products with $X$, 78 %: our solves end
        at a residual of $10^{-12}$, the peer's gradient is right to nine digits.
        """,
      tried: """
        a forward solve to rounding level, so that the error need not be measured (with 500 unknowns 27 ms
        before); both products of $X^{\\mathsf T}Xv$ in one pass over the rows; two vectors in one pass; the matrix by half a
        product of matrices instead of products with unit vectors (a quarter of the time with 50).
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
        With 10 unknowns and with 200 the interior-point method takes 69 %: it factorises a dense matrix a dozen
        times, where a first-order method factorises once. Its solution is right to rounding, which the
        others' are not.
        """,
      tried: """
        elimination of the active constraints by blocks instead of a dense matrix of the KKT system, which gave a
        factor of seven in a pullback with 200 unknowns. The iterations themselves were left as they are.
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
        With 10 points two thirds are the loop of the caller, 56 iterations of five small tensor operations
        each, and measuring the error is 22 %. With 100, 41 % is the matrix of the
        conditions and its factorisation, as large as what a Krylov method would need.
        """,
      tried: """
        scalings instead of logarithms (a factor of four); half as many allocations (a quarter less time with
        10 points).
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
        With 10 unknowns half of the time is the measuring of the error, since a matrix that has to be scaled
        allows no estimate; recording is 21 %, counting references 29 %.
        """,
      tried: """
        elimination by blocks, which answers with 1000 and 10000 unknowns where dense methods take seconds and
        Krylov methods stall; one try of an iteration when the method is chosen instead of one for
        each right-hand side (40 ms before with 10000).
        """),
    PerformanceSection(
      problem: "softmax-mirror", title: "Softmax as a fixed point of mirror descent",
      text: """
        The same derivative from $n$ equations instead: $y$ stays where it is in a step of mirror descent. Its
        Jacobian is half the identity and a matrix of rank one, the friendliest system of this page.
        """,
      clocks: whole,
      reason: """
        A Krylov method needs two products here. What is left is recording (28 % with 10 unknowns, 17 % with
        10000) and the library's checks: probes for symmetry, the check of the conditions, a random right-hand side. With 100
        unknowns it is eliminated by blocks, which takes 59 %: many short steps on blocks of few entries.
        """,
      tried: """
        the condition number from the random right-hand side, where the derivative's own sees too little of the
        matrix: the error is estimated then, not measured (1.4 ms before with 10000 unknowns). Eliminating by blocks is
        eight times as slow as iterating.
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
        Cold, with 10 unknowns recording is 28 %, compiling and preparing 24 %, and counting references a
        third of all. With 100000 every pass over the numbers counts, and there are some thirty. Warm,
        `gtsv` factorises anew each time and is done; our answer is tested before it is returned, which counts when
        $n$ is small.
        """,
      tried: """
        up to four right-hand sides side by side; memory kept for the next derivative (a third with 10000);
        factors with a unit triangle; refinement only where a componentwise test asks for it; a bound of the
        condition number where the diagonal dominates, instead of an estimate by solves (three tenths from 1000 on);
        where the same bound shows that the solution, which is off by $10^{-10}$ here, is good enough, no Newton step until
        the report is read (a fifth from 1000 on).
        """),
    PerformanceSection(
      problem: "ridge-mechanism", title: "One pullback of ridge regression",
      text: """
        $-(H^{-1}c) \\circ w$ with $w$ given and $H = X^{\\mathsf T}X/m + \\operatorname{diag}\\theta$: nothing but
        products with a large matrix.
        """,
      clocks: oneDerivative,
      reason: """
        With 100 unknowns a quarter of the time is the product $X^{\\mathsf T}X$, and as much the factorisation,
        as on LAPACK's side; the rest is looking for symmetry, scaling, the estimate of the condition number, recording and
        checks. Beyond some hundred unknowns we iterate and keep no factor, so the next cotangent costs as much as the
        first. From 500 on 80 % and more are products with $X$; forty of them, for two digits more than the peer's.
        With 2000 unknowns $X$ is in no cache: there it is read in single precision, and the residuals that decide, with
        all of its digits.
        """,
      tried: """
        both products in one pass over the rows (a factor of two with 2000 unknowns); the check of uniqueness in
        the same passes as the solve, and none where squares beside a positive diagonal are recognised (a tenth);
        the matrix by half a product of matrices instead of products with unit vectors (half of the time with 100); eight
        rows at a time and large pages (a tenth to a fifth from 500 on); half as many bytes to read in each iteration (a third
        with 2000).
        """),
  ]
}

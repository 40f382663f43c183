/// A solution under way: the variables, what binds there, and the value that the polynomial (or its
/// gradient) must have for it to be one.
struct Draft: Sendable {
  let sizes: Sizes
  let parameters: [Double]
  var y: [Double] = []
  /// What the residual, or the gradient of the objective, is to be.
  var wanted: [Double] = []
  var multipliers: [Double] = []
  /// The penalty, or the bound.
  var extraInputs: [Double] = []
  var piece: [Int] = []
  var constraints: Constraints?

  init(sizes: Sizes, parameters: [Double]) {
    self.sizes = sizes
    self.parameters = parameters
  }

  private static func sign(_ numbers: inout HuntNumbers) -> Int {
    numbers.index(below: 2) == 1 ? 1 : -1
  }

  /// `∇f = −λθ` with `θ` the sign on the support and below 0.8 off it. Near a kink one entry of the
  /// support is of the size `margin`, or one `θ` that far from 1.
  mutating func drawLasso(_ margin: Double?, _ numbers: inout HuntNumbers) {
    let penalty = 0.5 + numbers.unit()
    extraInputs = [penalty]
    for _ in 0..<sizes.variables {
      let isOnSupport = numbers.index(below: 2) == 1
      let value = numbers.awayFromZero()
      let slope = 0.8 * numbers.symmetric()
      y.append(isOnSupport ? value : 0)
      piece.append(isOnSupport ? (value > 0 ? 1 : -1) : 0)
      wanted.append(-penalty * (isOnSupport ? (value > 0 ? 1 : -1) : slope))
    }
    guard let margin else { return }
    let place = numbers.index(below: sizes.variables)
    let sign = Draft.sign(&numbers)
    if numbers.index(below: 2) == 1 {
      (y[place], piece[place], wanted[place]) = (
        Double(sign) * margin, sign, -penalty * Double(sign)
      )
    } else {
      (y[place], piece[place]) = (0, 0)
      wanted[place] = -penalty * (Double(sign) * (1 - margin))
    }
  }

  /// A quarter of the variables at each bound, with a slope of at least ½ that keeps them there.
  mutating func drawBox(_ margin: Double?, _ numbers: inout HuntNumbers) {
    let bound = 1.5 + numbers.unit()
    extraInputs = [bound]
    for _ in 0..<sizes.variables {
      let place = numbers.index(below: 4)
      let inside = numbers.symmetric()
      let slope = 0.5 + numbers.unit()
      let side = place == 0 ? 1 : place == 1 ? -1 : 0
      y.append(side == 0 ? inside : Double(side) * bound)
      piece.append(side)
      wanted.append(-Double(side) * slope)
    }
    guard let margin else { return }
    let place = numbers.index(below: sizes.variables)
    let sign = Draft.sign(&numbers)
    if numbers.index(below: 2) == 1 {
      (y[place], piece[place]) = (Double(sign) * bound, sign)
      wanted[place] = -Double(sign) * margin
    } else {
      (y[place], piece[place], wanted[place]) = (Double(sign) * (bound - margin), 0, 0)
    }
  }

  /// Multipliers and slacks of at least ½, and `∇f = −Eᵀν − Gᵀλ`.
  mutating func drawConstrained(_ margin: Double?, _ numbers: inout HuntNumbers) {
    let (n, m) = (sizes.variables, sizes.inputs)
    let (p, k) = (sizes.equalities, sizes.inequalities)
    var constraints = Constraints(equalityCount: p, inequalityCount: k)
    y = (0..<n).map { _ in numbers.awayFromZero() }
    constraints.E = numbers.symmetric(count: p * n)
    constraints.Ex = numbers.symmetric(count: p * m)
    constraints.G = numbers.symmetric(count: k * n)
    constraints.Gx = numbers.symmetric(count: k * m)
    let nu = numbers.symmetric(count: p)
    var lambda: [Double] = []
    var slacks: [Double] = []
    var room = n - p
    for _ in 0..<k {
      let isActive = numbers.index(below: 2) == 1 && room > 0
      let size = 0.5 + numbers.unit()
      if isActive { room -= 1 }
      piece.append(isActive ? 1 : 0)
      lambda.append(isActive ? size : 0)
      slacks.append(isActive ? 0 : size)
    }
    if let margin {
      let place = numbers.index(below: k)
      if piece[place] == 1 { lambda[place] = margin } else { slacks[place] = margin }
    }
    func values(_ matrix: [Double], _ inputs: [Double], _ count: Int) -> [Double] {
      (0..<count).map { i in
        var sum = 0.0
        for j in 0..<n { sum += matrix[i * n + j] * y[j] }
        for j in 0..<m { sum += inputs[i * m + j] * parameters[j] }
        return sum
      }
    }
    constraints.e = values(constraints.E, constraints.Ex, p).map { -$0 }
    constraints.h = zip(values(constraints.G, constraints.Gx, k), slacks).map { -$0 - $1 }
    wanted = (0..<n).map { j in
      var sum = 0.0
      for i in 0..<p { sum += constraints.E[i * n + j] * nu[i] }
      for i in 0..<k { sum += constraints.G[i * n + j] * lambda[i] }
      return -sum
    }
    multipliers = nu + lambda
    self.constraints = constraints
  }

  /// Whether a solver that stopped early would have variable `i` wrong: not where it is set to a
  /// bound.
  func isFree(_ i: Int, _ kind: ConditionKind) -> Bool {
    switch kind {
    case .lasso: piece[i] != 0
    case .box: piece[i] == 0
    default: true
    }
  }

  /// `Q`, `c`, `A`, `b`, `G`, `h` as one vector, empty blocks left out.
  func program(_ smooth: Smooth) -> [Double] {
    guard let constraints else { return [] }
    return smooth.K + smooth.r + constraints.E + constraints.e.map { -$0 } + constraints.G
      + constraints.h.map { -$0 }
  }
}

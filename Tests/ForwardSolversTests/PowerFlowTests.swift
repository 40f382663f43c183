import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// Power flow in the IEEE 14-bus network (American Electric Power, 1962; Power Systems Test Case
/// Archive, University of Washington), in per unit of 100 MVA.
///
/// Unknown are the angles of all buses but the first and the voltages of the nine buses that hold
/// none; given are the powers drawn there. Reactive limits of generators are ignored.
struct PowerFlow {
  /// From, to, resistance, reactance, charging, tap on the side of `from` (0: none).
  private static let branches: [(Int, Int, Double, Double, Double, Double)] = [
    (1, 2, 0.01938, 0.05917, 0.0528, 0), (1, 5, 0.05403, 0.22304, 0.0492, 0),
    (2, 3, 0.04699, 0.19797, 0.0438, 0), (2, 4, 0.05811, 0.17632, 0.034, 0),
    (2, 5, 0.05695, 0.17388, 0.0346, 0), (3, 4, 0.06701, 0.17103, 0.0128, 0),
    (4, 5, 0.01335, 0.04211, 0, 0), (4, 7, 0, 0.20912, 0, 0.978), (4, 9, 0, 0.55618, 0, 0.969),
    (5, 6, 0, 0.25202, 0, 0.932), (6, 11, 0.09498, 0.1989, 0, 0), (6, 12, 0.12291, 0.25581, 0, 0),
    (6, 13, 0.06615, 0.13027, 0, 0), (7, 8, 0, 0.17615, 0, 0), (7, 9, 0, 0.11001, 0, 0),
    (9, 10, 0.03181, 0.0845, 0, 0), (9, 14, 0.12711, 0.27038, 0, 0),
    (10, 11, 0.08205, 0.19207, 0, 0), (12, 13, 0.22092, 0.19988, 0, 0),
    (13, 14, 0.17093, 0.34802, 0, 0),
  ]
  static let loads = Tensor([
    0, 21.7, 94.2, 47.8, 7.6, 11.2, 0, 0, 29.5, 9, 3.5, 6.1, 13.5, 14.9,
  ]).scaled(by: 0.01)
  static let reactiveLoads = Tensor([
    0, 12.7, 19, -3.9, 1.6, 7.5, 0, 0, 16.6, 5.8, 1.8, 1.6, 5.8, 5,
  ]).scaled(by: 0.01)
  private static let generation = Tensor([2.324, 0.4] + [Double](repeating: 0, count: 12))
  private static let heldVoltages = [0: 1.06, 1: 1.045, 2: 1.01, 5: 1.07, 7: 1.09]
  static let unregulated = (0..<14).filter { heldVoltages[$0] == nil }

  /// Real and imaginary part of the admittance matrix.
  private let conductance: Tensor
  private let susceptance: Tensor

  init() {
    var (G, B) = ([Double](repeating: 0, count: 196), [Double](repeating: 0, count: 196))
    for (from, to, r, x, charging, tap) in PowerFlow.branches {
      let (i, j, t) = (from - 1, to - 1, tap == 0 ? 1 : tap)
      let square = r * r + x * x
      let (g, b) = (r / square, -x / square)
      G[15 * i] += g / (t * t)
      B[15 * i] += (b + charging / 2) / (t * t)
      G[15 * j] += g
      B[15 * j] += b + charging / 2
      for place in [14 * i + j, 14 * j + i] {
        G[place] -= g / t
        B[place] -= b / t
      }
    }
    B[15 * 8] += 0.19
    (conductance, susceptance) = (Tensor(shape: [14, 14], G), Tensor(shape: [14, 14], B))
  }

  /// All voltages and angles from the unknowns.
  func state(_ unknowns: [Tensor]) -> (voltages: Tensor, angles: Tensor) {
    let held = Tensor((0..<14).map { PowerFlow.heldVoltages[$0] ?? 0 })
    return (
      held + unknowns[1].scattered(PowerFlow.unregulated, count: 14),
      unknowns[0].padded(before: 1, after: 0)
    )
  }

  /// The balance of powers: 13 active and 9 reactive ones.
  func mismatch(_ unknowns: [Tensor], loads: Tensor, reactiveLoads: Tensor) -> [Tensor] {
    let (V, angles) = state(unknowns)
    let (re, im) = (V * cos(angles), V * sin(angles))
    let currentRe = matmul(conductance, re) - matmul(susceptance, im)
    let currentIm = matmul(conductance, im) + matmul(susceptance, re)
    let P = re * currentRe + im * currentIm - (PowerFlow.generation - loads)
    let Q = im * currentRe - re * currentIm + reactiveLoads
    return [P.slice(1..<14), Q.gathered(PowerFlow.unregulated)]
  }

  static let flatStart = [Tensor.zeros([13]), Tensor.ones([9])]
}

struct PowerFlowTests {
  private let voltages = Tensor([
    1.06, 1.045, 1.01, 1.0176708537, 1.0195138598, 1.07, 1.0615195325, 1.09, 1.0559317206,
    1.0509846250, 1.0569065185, 1.0551885632, 1.0503817136, 1.0355299459,
  ])
  private let degrees = Tensor([
    0, -4.98258914, -12.72509994, -10.31290109, -8.77385390, -14.22094646, -13.35962737,
    -13.35962737, -14.93852130, -15.09728846, -14.79062203, -15.07558452, -15.15627634,
    -16.03364453,
  ])

  /// The printed digits of the reference.
  @Test(arguments: ["Newton", "Broyden"])
  func solution(_ method: String) throws {
    let network = PowerFlow()
    func F(_ z: [Tensor]) -> [Tensor] {
      network.mismatch(z, loads: PowerFlow.loads, reactiveLoads: PowerFlow.reactiveLoads)
    }
    let stopping = Stopping(gradientTolerance: 1e-12, maximumIterations: 50)
    let root =
      try method == "Newton"
      ? NewtonRootFinder(stopping: stopping).root(of: F, from: PowerFlow.flatStart)
      : Broyden(stopping: stopping).root(of: F, from: PowerFlow.flatStart)
    if method == "Newton" { #expect(root.iterations == 4) }
    let (V, angles) = network.state(root.point)
    #expect((V - voltages).norm(.infinity).scalar <= 1e-10)
    let inDegrees = angles.scaled(by: 180 / 3.141592653589793)
    #expect((inDegrees - degrees).norm(.infinity).scalar <= 1e-8)
  }

  /// Shedding 1 MW at constant power factor at bus 9 raises the lowest unregulated voltage, that of
  /// bus 4, by 3.00e-4; at bus 10 by 2.86e-4.
  @Test func sensitivity() throws {
    let network = PowerFlow()
    func lowestVoltage(_ loads: Tensor) throws -> Tensor {
      let reactive = PowerFlow.reactiveLoads * loads / max(PowerFlow.loads, 1e-9)
      let root = try NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-12)).root(
        of: { z in network.mismatch(z, loads: loads, reactiveLoads: reactive) },
        from: PowerFlow.flatStart)
      return root.point[1].at(0)
    }
    let slope = try gradient(at: PowerFlow.loads) { loads in try lowestVoltage(loads) }
    // Per unit of 100 MW; shedding lowers the load.
    let gains = slope.scaled(by: -0.01).scalars
    #expect((gains[8] - 3.00e-4).magnitude <= 5e-7)
    #expect((gains[9] - 2.86e-4).magnitude <= 5e-7)
    #expect(gains.max() == gains[8])
    let shed = Tensor((0..<14).map { $0 == 8 ? 0.01 : 0 })
    let (before, after) = (
      try lowestVoltage(PowerFlow.loads), try lowestVoltage(PowerFlow.loads - shed)
    )
    #expect(((after - before).scalar - 2.995e-4).magnitude <= 5e-8)
  }
}

import Foundation
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Testing

/// The power flow of the IEEE 14-bus network, written in angles instead of complex currents, against
/// the reference solution, and its sensitivities against differences.
@Suite struct NonlinearSystemsNetworkTests {
  private struct Voltages: TensorStructure {
    var angles: Tensor
    var magnitudes: Tensor
    static var fields: [TensorField<Voltages>] {
      [.init("angles", \.angles), .init("magnitudes", \.magnitudes)]
    }
  }

  private struct Loads: TensorStructure {
    var active: Tensor
    var reactive: Tensor
    static var fields: [TensorField<Loads>] {
      [.init("active", \.active), .init("reactive", \.reactive)]
    }
  }

  private let loads: Loads
  /// In MW and Mvar.
  private let balance: @Sendable (Loads, Voltages) -> [Tensor]
  private let powerFlow: ImplicitFunction<Loads, Voltages>

  /// Buses 4, 5, 7, 9 … 14, counted from 0.
  private static let unregulated = [3, 4, 6, 8, 9, 10, 11, 12, 13]
  private static let regulated = [0, 1, 2, 5, 7]

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Tutorials/NonlinearSystems/Data").standardizedFileURL
    func read(_ name: String) throws -> Table {
      let text = try String(
        contentsOf: folder.appendingPathComponent("ieee14-\(name).csv"), encoding: .utf8)
      return try Table(csv: text)
    }
    let (buses, branches) = (try read("buses"), try read("branches"))
    let generators = try read("generators")
    loads = Loads(active: try buses["load_MW"], reactive: try buses["load_MVAr"])

    // Σ over branches of [1; −1]-like stamps: from side with the tap, to side without.
    var (G, B) = (Tensor.zeros([14, 14]), Tensor.zeros([14, 14]))
    func unit(_ row: Int, _ column: Int) -> Tensor {
      outer(Tensor.identity(14).at(row), Tensor.identity(14).at(column))
    }
    for k in 0..<branches.rowCount {
      let from = Int(try branches["from"][k]) - 1
      let to = Int(try branches["to"][k]) - 1
      let (r, x) = (try branches["resistance_pu"][k], try branches["reactance_pu"][k])
      let ratio = try branches["tap_ratio"][k]
      let t = Tensor(ratio > 0 ? ratio : 1)
      let g = Tensor(r / (r * r + x * x))
      let b = Tensor(-x / (r * r + x * x))
      let half = Tensor(try branches["charging_pu"][k] / 2)
      G += g / (t * t) * unit(from, from) + g * unit(to, to)
      G -= g / t * (unit(from, to) + unit(to, from))
      B += (b + half) / (t * t) * unit(from, from) + (b + half) * unit(to, to)
      B -= b / t * (unit(from, to) + unit(to, from))
    }
    G += (try buses["shunt_MW"] / 100).diagonal()
    B += (try buses["shunt_MVAr"] / 100).diagonal()

    let stations = try generators["bus"].scalars.map { Int($0) - 1 }
    let production = try generators["active_MW"].scattered(stations, count: 14)
    let setpoints = try generators["voltage_setpoint_pu"].scattered(stations, count: 14)
    let (conductance, susceptance) = (G, B)
    // Pᵢ = Σₖ VᵢVₖ (Gᵢₖ cos θᵢₖ + Bᵢₖ sin θᵢₖ), Qᵢ = Σₖ VᵢVₖ (Gᵢₖ sin θᵢₖ − Bᵢₖ cos θᵢₖ).
    let balance: @Sendable (Loads, Voltages) -> [Tensor] = { loads, voltages in
      let V = setpoints + voltages.magnitudes.scattered(Self.unregulated, count: 14)
      let angle = voltages.angles.padded(before: 1, after: 0)
      let difference = angle.expanded(atAxis: 1) - angle.expanded(atAxis: 0)
      let product = outer(V, V)
      let P = product * (conductance * cos(difference) + susceptance * sin(difference))
      let Q = product * (conductance * sin(difference) - susceptance * cos(difference))
      let active = production - loads.active - 100 * P.sum(alongAxis: 1)
      let reactive = -loads.reactive - 100 * Q.sum(alongAxis: 1)
      return [active.slice(1..<14), reactive.gathered(Self.unregulated)]
    }
    self.balance = balance
    powerFlow = ImplicitFunction(
      forward: { loads in
        try NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-10)).root(
          of: { balance(loads, $0) },
          from: Voltages(angles: Tensor.zeros([13]), magnitudes: Tensor.ones([9]))
        ).point
      },
      conditions: .root(balance))
  }

  /// Bus by bus: voltage (per unit), and angle (degrees, eight decimals).
  private static let reference: [(voltage: Double, angle: Double)] = [
    (1.06, 0), (1.045, -4.98258914), (1.01, -12.72509994), (1.0176708537, -10.31290109),
    (1.0195138598, -8.77385390), (1.07, -14.22094646), (1.0615195325, -13.35962737),
    (1.09, -13.35962737), (1.0559317206, -14.93852130), (1.0509846250, -15.09728846),
    (1.0569065185, -14.79062203), (1.0551885632, -15.07558452), (1.0503817136, -15.15627634),
    (1.0355299459, -16.03364453),
  ]

  @Test func theSolutionIsTheReference() throws {
    let solution = try powerFlow(loads)
    for (place, bus) in Self.unregulated.enumerated() {
      #expect((solution.magnitudes[place] - Self.reference[bus].voltage).magnitude < 1e-9)
    }
    for bus in 1..<14 {
      // Radians; the reference is rounded at 5e-9 degrees.
      let angle = Self.reference[bus].angle * Double.pi / 180
      #expect((solution.angles[bus - 1] - angle).magnitude < 1e-9)
    }
  }

  /// Every sensitivity, by pushforwards, by pullbacks and by central differences.
  @Test func theJacobianByThreeRoutes() throws {
    let state = try powerFlow.linearize(at: loads)
    let jacobian = try state.jacobian().value
    #expect(jacobian.shape == [22, 28])
    let scale = jacobian.norm(.infinity).scalar
    var numbers = [Double](repeating: 0, count: 28)
    for column in 0..<28 {
      numbers[column] = 1
      let tangent = try loads.rebuilt(from: numbers)
      numbers[column] = 0
      let pushed = Tensor(try state.pushforward(tangent).value.flattened())
      // A quarter of a megawatt: the next term of the expansion is (h/load)² ≈ 1e-6 of the entry.
      let h = 0.05
      func shifted(_ sign: Double) throws -> Tensor {
        let moved = zip(loads.flattened(), tangent.flattened()).map { $0 + sign * h * $1 }
        return Tensor(try powerFlow(try loads.rebuilt(from: moved)).flattened())
      }
      let difference = (try shifted(1) - shifted(-1)) / Tensor(2 * h)
      let entries = jacobian.at(column, alongAxis: 1)
      #expect((entries - pushed).norm(.infinity).scalar < 1e-12 * scale)
      #expect((entries - difference).norm(.infinity).scalar < 1e-7 * scale)
    }
  }

  /// The slack meets the active load at its own bus, a held voltage the reactive load at its bus;
  /// everything else is felt.
  @Test func theLoadsThatNothingFeels() throws {
    let jacobian = try powerFlow.linearize(at: loads).jacobian().value
    let silent = (0..<28).filter {
      jacobian.at($0, alongAxis: 1).norm(.infinity).scalar == 0
    }
    #expect(silent == [0] + Self.regulated.map { 14 + $0 })
  }

  /// What the heat map's caption says: a reactive load lowers the voltage most where it is, and
  /// nearly every load lowers the voltages.
  @Test func whatTheHeatMapShows() throws {
    let jacobian = try powerFlow.linearize(at: loads).jacobian().value.slice(13..<22)
    for (place, bus) in Self.unregulated.enumerated() {
      let column = jacobian.at(14 + bus, alongAxis: 1)
      #expect(column[place] == column.min().scalar)
      #expect(column[place] < 0)
    }
    let felt = jacobian.scalars.filter { $0 != 0 }
    #expect(felt.count == 9 * 22)
    #expect(felt.count { $0 > 0 } < felt.count / 10)
    #expect(felt.filter { $0 > 0 }.max() ?? 0 < 0.1 * jacobian.norm(.infinity).scalar)
  }

  /// What the page says of bus 4 itself: its active power counts for less than that of bus 9, and its
  /// negative Mvar take a fifth off; with the power factor of bus 9 it would be the better place.
  @Test func whyBusFourIsAPoorPlace() throws {
    let state = try powerFlow.linearize(at: loads)
    var unit = [Double](repeating: 0, count: 9)
    unit[0] = 1
    let gradient = try state.pullback(
      Voltages(angles: Tensor.zeros([13]), magnitudes: Tensor(unit))
    ).value
    // Half a unit of the last digit given.
    #expect((-gradient.active[3] - 1.67e-4).magnitude <= 0.5e-6)
    #expect((-gradient.active[8] - 2.07e-4).magnitude <= 0.5e-6)
    let share = loads.reactive[3] / loads.active[3] * gradient.reactive[3] / gradient.active[3]
    #expect((share + 0.20).magnitude <= 0.005)
    #expect((-gradient.reactive[3] - 4.03e-4).magnitude <= 0.5e-6)
    #expect((-gradient.reactive[8] - 1.65e-4).magnitude <= 0.5e-6)
    let ratio = loads.reactive[8] / loads.active[8]
    #expect((-gradient.active[3] - ratio * gradient.reactive[3] - 3.94e-4).magnitude <= 0.5e-6)
  }

  /// Shedding 1 MW at constant power factor, seen at bus 4.
  @Test(arguments: [(8, 3.00e-4, 2.995e-4), (9, 2.86e-4, 2.850e-4)])
  func thePlannersNumbers(bus: Int, predicted: Double, solved: Double) throws {
    let state = try powerFlow.linearize(at: loads)
    var unit = [Double](repeating: 0, count: 9)
    unit[0] = 1
    let gradient = try state.pullback(
      Voltages(angles: Tensor.zeros([13]), magnitudes: Tensor(unit))
    ).value
    let ratio = loads.reactive[bus] / loads.active[bus]
    let rise = -(gradient.active[bus] + ratio * gradient.reactive[bus])
    // Half a unit of the last digit given.
    #expect((rise - predicted).magnitude <= 0.5e-6)
    let one = Tensor.identity(14).at(bus)
    let after = try powerFlow(
      Loads(active: loads.active - one, reactive: loads.reactive - Tensor(ratio) * one))
    #expect((after.magnitudes[0] - state.solution.magnitudes[0] - solved).magnitude <= 0.5e-7)
    // No other bus does better than bus 9.
    let rises = (1..<14).filter { loads.active[$0] > 0 }.map { k in
      -(gradient.active[k] + loads.reactive[k] / loads.active[k] * gradient.reactive[k])
    }
    #expect(rises.max() ?? 0 <= 3.005e-4)
  }

  private struct Collapse: TensorStructure {
    var voltages: Voltages
    var direction: Voltages
    var factor: Tensor
    static var fields: [TensorField<Collapse>] {
      [
        .init("voltages", \.voltages), .init("direction", \.direction), .init("factor", \.factor),
      ]
    }
  }

  /// The fold of the network, by the bordered system from the solution at 3.9 times the load, against a
  /// reference of twelve digits by separate code. Below it the solution can be followed, and at it the
  /// matrix is singular.
  @Test func whereTheFollowedSolutionEnds() throws {
    let (balance, loads) = (balance, loads)
    @Sendable func times(_ factor: Tensor) -> Loads {
      Loads(active: factor * loads.active, reactive: factor * loads.reactive)
    }
    var voltages = try powerFlow(loads)
    for factor: Tensor in [2, 3, 3.5, 3.9] {
      voltages = try NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-10)).root(
        of: { balance(times(factor), $0) }, from: voltages
      ).point
    }
    let drift = try powerFlow.linearize(at: times(3.9), solution: voltages).pushforward(loads).value
    let length = sqrt(drift.angles.squaredNorm() + drift.magnitudes.squaredNorm())
    let end = try NewtonRootFinder(stopping: .after(10)).root(
      of: { end in
        let (value, product) = valueAndPushforward(at: end.voltages, along: end.direction) {
          balance(times(end.factor), $0)
        }
        let v = end.direction
        return value + product + [v.angles.squaredNorm() + v.magnitudes.squaredNorm() - 1]
      },
      from: Collapse(
        voltages: voltages,
        direction: Voltages(angles: drift.angles / length, magnitudes: drift.magnitudes / length),
        factor: 3.9)
    ).point
    #expect((end.factor - 4.00450200832).scalar.magnitude < 1e-10)
    #expect(throws: DifferentiationError.self) {
      try powerFlow.linearize(at: times(end.factor), solution: end.voltages)
    }
  }

  @Test func fiveTimesTheLoadIsNotSolved() {
    let error = #expect(throws: ForwardSolverError.self) {
      try powerFlow(Loads(active: 5 * loads.active, reactive: 5 * loads.reactive))
    }
    guard case .residualStuck(_, let norm, _, 1e-10) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    // In MW here: far from any balance.
    #expect(norm > 10)
  }
}

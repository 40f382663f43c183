import TracedTensors

/// A tensor operation with the operands it is tried on: one row of a table that the probe hashes
/// and the tests check against differences and naive loops.
package struct Operation: Sendable {
  /// What is called; several rows may share it and differ in their operands.
  package let name: String
  package let operands: [Operand]
  package let apply: @Sendable ([Tensor]) -> Tensor

  package init(
    _ name: String, _ operands: [Operand], _ apply: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.name = name
    self.operands = operands
    self.apply = apply
  }
}

/// The shape of an operand, and where its entries are drawn from.
package struct Operand: Sendable {
  package enum Domain: Sendable {
    /// Uniform between two numbers.
    case between(Double, Double)
    /// Uniform between two positive numbers, with either sign: away from a kink or a pole at 0.
    case eitherSign(Double, Double)
  }

  package let shape: [Int]
  package let domain: Domain

  package init(_ shape: [Int], _ domain: Domain = .between(-1, 1)) {
    self.shape = shape
    self.domain = domain
  }

  /// Seeded entries.
  package func draw(_ numbers: inout ProbeNumbers) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(shape: shape, (0..<count).map { _ in numbers.next(domain) })
  }
}

/// Uniform numbers from a seed ("SplitMix64", G. L. Steele, D. Lea and C. H. Flood, "Fast
/// Splittable Pseudorandom Number Generators", OOPSLA 2014).
package struct ProbeNumbers {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func nextBits() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  package mutating func next(_ domain: Operand.Domain) -> Double {
    let unit = Double(nextBits() >> 11) * 0x1p-53
    switch domain {
    case .between(let low, let high):
      return low + (high - low) * unit
    case .eitherSign(let low, let high):
      let magnitude = low + (high - low) * unit
      return nextBits() & 1 == 0 ? magnitude : -magnitude
    }
  }
}

extension Operation: CustomStringConvertible {
  /// The name and the shapes: `* [2, 3] [3]`.
  package var description: String {
    ([name] + operands.map { "\($0.shape)" }).joined(separator: " ")
  }
}

/// The rows of the catalogue that share a name.
package struct OperationFamily: Sendable, CustomStringConvertible {
  package let name: String
  package private(set) var rows: [Operation] = []

  /// The catalogue by names, in its order.
  package static let all: [OperationFamily] = {
    var families: [OperationFamily] = []
    var places: [String: Int] = [:]
    for operation in Operation.catalogue {
      let place = places[operation.name, default: families.count]
      if place == families.count {
        families.append(OperationFamily(name: operation.name))
        places[operation.name] = place
      }
      families[place].rows.append(operation)
    }
    return families
  }()

  package var description: String { name }
}

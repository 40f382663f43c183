// Prints a hash of the bits of every tensor operation, its pushforward and its pullback, on 1,000
// seeded arguments. Two builds of the library that print the same compute the same: `.ci/probe`
// compares debug, release and native vector instructions.

import TensorChecks
import TracedTensors

/// FNV-1a over the bits of numbers (G. Fowler, L. C. Noll, K.-P. Vo).
struct BitHash {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ numbers: [Double]) {
    for number in numbers {
      for shift in stride(from: 0, to: 64, by: 8) {
        value ^= (number.bitPattern >> UInt64(shift)) & 0xff
        value = value &* 0x100_0000_01b3
      }
    }
  }
}

/// The rows of the catalogue that share a name take turns until 1,000 arguments were tried.
func hash(_ family: OperationFamily, arguments: Int = 1000) throws -> UInt64 {
  var hash = BitHash()
  var numbers = ProbeNumbers(seed: 20_240_601)
  for index in 0..<arguments {
    let row = family.rows[index % family.rows.count]
    let point = row.operands.map { $0.draw(&numbers) }
    let tangent = row.operands.map { Operand($0.shape).draw(&numbers) }
    let linear = try linearization(at: point) { row.apply($0) }
    hash.add(linear.value.flattened())
    hash.add(try linear.pushforward(tangent).flattened())
    let cotangent = Operand(linear.value.shape).draw(&numbers)
    hash.add(try linear.pullback(cotangent).flattened())
  }
  return hash.value
}

for family in OperationFamily.all {
  let digits = String(try hash(family), radix: 16)
  print(String(repeating: "0", count: 16 - digits.count) + digits, family)
}

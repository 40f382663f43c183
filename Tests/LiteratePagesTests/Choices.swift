/// Seeded choices.
struct Choices {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  /// SplitMix64 (Steele, Lea and Flood 2014).
  mutating func bits() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ limit: Int) -> Int { Int(bits() >> 33) % limit }

  /// One of several.
  mutating func among<Value>(_ values: [Value]) -> Value { values[below(values.count)] }

  /// Bytes of an alphabet, or any, and then seldom text.
  mutating func bytes(upTo count: Int, alphabet: [UInt8]) -> [UInt8] {
    (0..<below(count + 1)).map { _ in
      below(20) == 0 ? UInt8(truncatingIfNeeded: bits()) : among(alphabet)
    }
  }

  /// A few bytes changed, lost, added or repeated.
  mutating func mutated(_ bytes: [UInt8], alphabet: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...below(4) {
      let place = below(bytes.count + 1)
      let end = min(place + below(6), bytes.count)
      switch below(5) {
      case 0: bytes.removeSubrange(place..<end)
      case 1: bytes.insert(contentsOf: self.bytes(upTo: 5, alphabet: alphabet), at: place)
      case 2: bytes.insert(contentsOf: bytes[place..<end], at: below(bytes.count + 1))
      case 3: bytes.removeLast(bytes.count - place)
      default: for k in place..<end { bytes[k] ^= 1 << UInt8(below(8)) }
      }
    }
    return bytes
  }
}

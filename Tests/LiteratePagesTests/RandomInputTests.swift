import ImplicitDifferentiation
import Testing

@testable import LiteratePages

/// What comes from outside may hold anything: it is read, or refused with a sentence.
@Suite struct RandomInputTests {
  static let alphabet = Array("01.e-+,,,\"\"\n\n\r\t abc\u{e9}\u{0}\u{FEFF}".utf8)

  /// The table and its numbers, read again; counts it. Anything but a `MalformedTable` with a place
  /// and a sentence is a failure.
  private func read(_ text: String, _ count: inout Int) {
    do throws(MalformedTable) {
      let table = try Table(csv: text)
      count += 1
      for name in table.columnNames {
        #expect(try table.labels(name).count == table.rowCount)
        let column = try table[name]
        #expect(column.shape == [table.rowCount] && column.isFinite)
      }
    } catch {
      let sentence = error.description
      #expect(error.line >= 1 && error.column >= 1 && error.reason.count > 10, "\(sentence)")
      #expect(!sentence.utf8.contains(UInt8(ascii: "\n")), "one line")
    }
  }

  @Test("Random bytes as a table")
  func randomBytes() {
    var choices = Choices(seed: 9)
    var count = 0
    for _ in 0..<10_000 {
      let bytes = choices.bytes(upTo: 40, alphabet: Self.alphabet)
      read(String(decoding: bytes, as: UTF8.self), &count)
    }
    #expect(count > 250, "\(count) texts were tables")
  }

  @Test("Tables with a few bytes changed")
  func mutatedTables() {
    var choices = Choices(seed: 10)
    let tables = [
      "age,bmi,kind\n59,32.1,A\n48,-2.16e1,B\n",
      "\"a,\"\"b\"\"\",c\r\n\" 1 \",2e300\r\n-0.0, 4 \r\n",
      "\u{FEFF}x\n1\n2\n3\n4\n5\n",
    ].map { Array($0.utf8) }
    var count = 0
    for _ in 0..<10_000 {
      let bytes = choices.mutated(choices.among(tables), alphabet: Self.alphabet)
      read(String(decoding: bytes, as: UTF8.self), &count)
    }
    #expect(count > 1000 && count < 9000, "\(count) texts were tables")
  }

  @Test("Tables with random names and numbers, written and read again")
  func roundTrip() throws {
    var choices = Choices(seed: 11)
    let letters = [
      "a", "B", " ", "\t", ",", "\"", "\r", "\u{e9}", "\u{301}", "\u{FEFF}", "\u{0}", "λ",
    ]
    for _ in 0..<2000 {
      var names: [String] = []
      for _ in 0...choices.below(4) {
        let name = (0...choices.below(5)).map { _ in choices.among(letters) }.joined()
        if !names.contains(name) { names.append(name) }
      }
      let rows = choices.below(5)
      let numbers = (0..<rows * names.count).map { _ -> Double in
        let value = Double(bitPattern: choices.bits())
        return value.isFinite ? value : 0
      }
      let text = try Tensor(shape: [rows, names.count], numbers).csv(columnNames: names)
      let table = try Table(csv: text)
      // By scalars: `==` takes different spellings of an accent for one.
      #expect(
        table.columnNames.map { Array($0.unicodeScalars) } == names.map { Array($0.unicodeScalars) }
      )
      #expect(
        try table.columns(names).scalars.map(\.bitPattern) == numbers.map(\.bitPattern), "\(text)")
    }
  }

  // MARK: Options

  private struct Parsed: Equatable {
    var iterations: Int
    var step: Double
    var seed: UInt64
    var method: String
    var output: String?
    var quick: Bool

    init(_ arguments: [String]) throws(UsageError) {
      let options = try Options(seed: 7, tolerance: 1e-10, arguments: arguments)
      iterations = try options.integer(
        "iterations", default: 10_000, quick: 300, in: 1...1_000_000, help: "steps")
      step = try options.real("step", default: 0.5, in: 0.001...1, help: "length")
      method = try options.choice(
        "method", default: "newton", among: ["newton", "descent"], help: "which")
      try options.finish()
      (seed, output, quick) = (options.seed, options.output, options.quick)
      #expect(
        options.help
          || (1...1_000_000).contains(iterations) && (0.001...1).contains(step)
            && ["newton", "descent"].contains(method) && output != ""
      )
    }
  }

  @Test("Random options")
  func randomOptions() {
    var choices = Choices(seed: 12)
    let words = [
      "--iterations", "--step", "--method", "--seed", "--output", "--quick", "--quiet", "--help",
      "-h", "--tolerance", "--iterations=5", "--step=", "--quick=1", "0.25", "17", "-3", "newton",
      "--", "-", "", "=", "1e-10", "99999999999999999999", "nan", "0x1p-3", "--Step", "\u{301}",
    ]
    var read = 0
    for _ in 0..<20_000 {
      let arguments = (0..<choices.below(6)).map { _ -> String in
        let word = choices.among(words)
        switch choices.below(8) {
        case 0:
          return String(
            decoding: choices.mutated(Array(word.utf8), alphabet: Array("-=0e.x\u{e9}".utf8)),
            as: UTF8.self)
        case 1: return word + choices.among(words)
        default: return word
        }
      }
      do throws(UsageError) {
        _ = try Parsed(arguments)
        read += 1
      } catch {
        let sentence = error.description
        #expect(sentence.hasSuffix("(--help lists the options)") && sentence.count > 40)
        #expect(!sentence.utf8.contains(UInt8(ascii: "\n")), "one line")
      }
    }
    #expect(read > 2000 && read < 18_000, "\(read) command lines were in order")
  }

  @Test("Options written out and read again")
  func optionsRoundTrip() throws {
    var choices = Choices(seed: 13)
    for _ in 0..<2000 {
      let iterations = 1 + choices.below(1_000_000)
      let step = 0.001 + 0.999 * Double(choices.bits() >> 11) * 0x1p-53
      let seed = choices.bits()
      let method = choices.among(["newton", "descent"])
      let output = choices.among(["a b", "=", "é/x", "-x", "."])
      var pairs = [
        ("iterations", "\(iterations)"), ("step", "\(step)"), ("seed", "\(seed)"),
        ("method", method), ("output", output),
      ].map { choices.below(2) == 0 ? ["--\($0)=\($1)"] : ["--\($0)", $1] }
      pairs.insert(["--quick"], at: choices.below(pairs.count + 1))
      let parsed = try Parsed(pairs.flatMap { $0 })
      #expect(
        parsed.iterations == iterations && parsed.step == step && parsed.seed == seed
          && parsed.method == method && parsed.output == output && parsed.quick)
    }
  }
}

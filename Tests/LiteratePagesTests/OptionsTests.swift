import Testing

@testable import LiteratePages

@Suite struct OptionsTests {
  /// What a tutorial with two sizes makes of a command line.
  private struct Parsed: Equatable {
    var iterations: Int
    var step: Double
    var seed: UInt64
    var method: String
    var help: Bool
  }

  private func parse(_ arguments: [String]) throws -> Parsed {
    let options = try Options(seed: 7, tolerance: 1e-10, arguments: arguments)
    let iterations = try options.integer(
      "iterations", default: 10_000, quick: 300, in: 1...1_000_000, help: "steps")
    let step = try options.real("step", default: 0.5, in: 0.001...1, help: "length")
    let method = try options.choice(
      "method", default: "newton", among: ["newton", "descent"], help: "which")
    try options.finish()
    return Parsed(
      iterations: iterations, step: step, seed: options.seed, method: method, help: options.help)
  }

  @Test func defaults() throws {
    let usual = Parsed(iterations: 10_000, step: 0.5, seed: 7, method: "newton", help: false)
    #expect(try parse([]) == usual)
  }

  @Test func quickReducesSizesThatAreNotGiven() throws {
    #expect(try parse(["--quick"]).iterations == 300)
    #expect(try parse(["--iterations", "12", "--quick"]).iterations == 12)
  }

  @Test func values() throws {
    let parsed = try parse([
      "--step=0.25", "--iterations", "1000000", "--seed", "18446744073709551615",
    ])
    #expect(parsed.step == 0.25)
    #expect(parsed.iterations == 1_000_000)
    #expect(parsed.seed == .max)
    #expect(try parse(["--method", "descent"]).method == "descent")
  }

  @Test func commonOptions() throws {
    let options = try Options(
      seed: 1, tolerance: 1e-10,
      arguments: ["--output", "some where", "--timings=t.csv", "--quiet", "--tolerance", "1e-11"])
    try options.finish()
    #expect(options.output == "some where")
    #expect(options.timings == "t.csv")
    #expect(options.quiet)
    #expect(!options.quick)
    #expect(options.tolerance == 1e-11)
  }

  @Test(
    arguments: [
      (["--iteratons", "5"], UsageError.unknownOption("--iteratons", nearest: "iterations")),
      (["--sed=3"], .unknownOption("--sed=3", nearest: "seed")),
      (["--zzzzzzzz"], .unknownOption("--zzzzzzzz", nearest: nil)),
      (["--iter", "5"], .unknownOption("--iter", nearest: "iterations")),
      (["-x"], .unknownOption("-x", nearest: nil)),
      (["5"], .unexpectedArgument("5")),
      (["--iterations"], .missingValue(option: "iterations")),
      (["--iterations="], .missingValue(option: "iterations")),
      (["--iterations", "--quick"], .missingValue(option: "iterations")),
      (["--iterations", "5", "--iterations=6"], .givenTwice(option: "iterations")),
      (["--quick", "--quick"], .givenTwice(option: "quick")),
      (["--quick=yes"], .flagWithValue(option: "quick")),
      (["--iterations", "5x"], .notAnInteger(option: "iterations", value: "5x")),
      (["--iterations", "1e3"], .notAnInteger(option: "iterations", value: "1e3")),
      (
        ["--iterations", "0"],
        .outOfRange(option: "iterations", value: "0", lower: "1", upper: "1000000")
      ),
      (
        ["--iterations", "-99999999999999999999"],
        .outOfRange(
          option: "iterations", value: "-99999999999999999999", lower: "1", upper: "1000000")
      ),
      (["--step", "small"], .notANumber(option: "step", value: "small")),
      (["--step", "nan"], .notANumber(option: "step", value: "nan")),
      (["--step", "inf"], .notANumber(option: "step", value: "inf")),
      (["--step", "2"], .outOfRange(option: "step", value: "2", lower: "0.001", upper: "1")),
      (
        ["--method", "guess"],
        .notAmong(option: "method", value: "guess", choices: ["newton", "descent"])
      ),
    ] as [([String], UsageError)])
  func refusals(arguments: [String], error: UsageError) {
    #expect(throws: error) { try parse(arguments) }
  }

  @Test func sentences() {
    #expect(
      UsageError.unknownOption("--iteratons", nearest: "iterations").description
        == "there is no option \"--iteratons\"; did you mean --iterations? "
        + "(--help lists the options)")
    #expect(
      UsageError.outOfRange(option: "n", value: "0", lower: "1", upper: "9").description
        == "--n wants a value from 1 to 9, not \"0\" (--help lists the options)")
    let wild = UsageError.notAnInteger(
      option: "n", value: "\u{1B}[31m\n" + String(repeating: "x", count: 500))
    #expect(!wild.description.contains("\u{1B}"))
    #expect(!wild.description.contains("\n"))
    #expect(wild.description.count < 150)
    #expect(wild.exitStatus == 2)
  }

  @Test func helpWins() throws {
    #expect(try parse(["--iterations", "many", "--help", "--what"]).help)
    #expect(try parse(["-h", "--quick=1"]).help)
  }

  @Test func helpText() throws {
    let options = try Options(seed: 7, tolerance: 1e-10, arguments: ["--help"])
    _ = try options.integer("steps", default: 20, quick: 8, in: 1...100, help: "steps to plot")
    let text = options.helpText(name: "Page", title: "A claim")
    #expect(
      text == """
        A claim

        Usage: swift run Page [options]

          --steps N       steps to plot [20, quick 8]
          --help          list the options
          --quick         reduced sizes, for tests
          --quiet         report errors only
          --output DIR    write the page there
          --timings FILE  write the times there, as CSV
          --seed N        seed of whatever is random [7]
          --tolerance X   relative tolerance of the solves [1e-10]

        """)
  }

  /// Whatever is typed is either understood or refused with one printable line.
  @Test func anyBytes() throws {
    var generator = SplitMix(seed: 2)
    let words = [
      "--iterations", "--step", "--quick", "--help", "--", "-", "", "=", "--=", "--step=", "0.5",
      "--seed", "-1", "9", "--output", "🙂", "\0",
    ]
    var refused = 0
    for _ in 0..<3_000 {
      let arguments = (0..<Int.random(in: 0...5, using: &generator)).map { _ -> String in
        if Bool.random(using: &generator) {
          return words.randomElement(using: &generator) ?? ""
        }
        let bytes = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
        return (Bool.random(using: &generator) ? "--" : "") + String(decoding: bytes, as: UTF8.self)
      }
      do {
        let parsed = try parse(arguments)
        #expect((1...1_000_000).contains(parsed.iterations))
        #expect((0.001...1).contains(parsed.step))
      } catch let error as UsageError {
        refused += 1
        #expect(!error.description.contains { $0.isNewline || $0 == "\0" })
      }
    }
    #expect(refused > 1_000)
  }
}

import Measurement
import PeerProblems

/// What the command line asks for.
struct Settings {
  /// What the program is to do.
  enum Mode {
    case table
    case serve
    case once
    case data
    case growth
    case page(results: String)
  }

  var mode = Mode.table
  var rounds = 5
  /// How long each task runs in each round at least, in seconds.
  var turn = 0.1
  /// Run only problems of these names; empty: all.
  var only: [String] = []
  var clocks: [PeerTask.Clock] = []
  /// Sizes in place of those of the tables.
  var sizes: [Int] = []
  /// How often `--once` runs its task.
  var repetitions = 1
  var json: String?
  var output: String?

  static let help = """
    Usage: PeerBenchmarks [options]

    Measures the library on the problems that other libraries solve too (Benchmarks/peers compares
    them), each written as a user would: plain conditions, no structure declared, the linear solver
    chosen by the library. A line tells the median of the processor time of a call, what a tenth of
    the calls stay below, and the error of the gradient against a reference that does not use the library.

      --only NAME     one problem alone (may be repeated):
                      \(peerProblems.map { $0.name }.joined(separator: ", "))
      --size N        this size instead of those of the tables (may be repeated)
      --clock NAME    one clock alone (may be repeated):
                      \(PeerTask.Clock.allCases.map(\.rawValue).joined(separator: ", "))
      --rounds N      turns of each task (default 5)
      --seconds X     length of a turn at least (default 0.1)
      --quick         the smallest size, one short turn: does it run?
      --json FILE     writes the measurements to a file as well
      --serve         answers requests on standard input, for Benchmarks/peers/compare.py
      --once          runs the first task selected once, without a clock or a reference, and prints the
                      largest memory of the process
      --repeat N      with --once: runs it N times
      --data          prints the arrays of the first problem selected, as JSON
      --growth        measures how time and memory grow with n, up to a million unknowns, and fits
                      exponents; --json FILE keeps the results for the page
      --page FILE     writes docs/Performance.md and its plots from results of compare.py, and
                      from growth.json beside them
      --output DIR    the folder for --page (default: docs)
      --help          prints this text

    Build with `-c release`; add `--traits NativeCPU` for the host's instruction set.
    """

  /// - Throws: `UsageError` for an option that is unknown or lacks its value.
  init(_ arguments: [String]) throws(UsageError) {
    var rest = arguments[...]
    func value(of option: String) throws(UsageError) -> String {
      guard let value = rest.popFirst() else {
        throw UsageError(description: "\(option) needs a value.")
      }
      return value
    }
    func count(of option: String) throws(UsageError) -> Int {
      let text = try value(of: option)
      guard let count = Int(text), (1...1_000_000).contains(count) else {
        throw UsageError(description: "\(option) is a number from 1 to 1000000, not \(text).")
      }
      return count
    }
    while let option = rest.popFirst() {
      switch option {
      case "--serve": mode = .serve
      case "--once": mode = .once
      case "--data": mode = .data
      case "--growth": mode = .growth
      case "--page": mode = .page(results: try value(of: option))
      case "--output": output = try value(of: option)
      case "--json": json = try value(of: option)
      case "--rounds": rounds = try count(of: option)
      case "--repeat": repetitions = try count(of: option)
      case "--size": sizes.append(try count(of: option))
      case "--seconds":
        let text = try value(of: option)
        guard let seconds = Double(text), seconds > 0, seconds <= 60 else {
          throw UsageError(description: "--seconds is a number up to 60, not \(text).")
        }
        turn = seconds
      case "--quick":
        rounds = 1
        turn = 0.001
        isQuick = true
      case "--only":
        let name = try value(of: option)
        _ = try Settings.problem(name)
        only.append(name)
      case "--clock":
        let name = try value(of: option)
        guard let clock = PeerTask.Clock(rawValue: name) else {
          throw UsageError(description: "--clock \(name): --help lists the clocks.")
        }
        clocks.append(clock)
      default:
        throw UsageError(description: "\(option) is not an option; --help lists them.")
      }
    }
  }

  private var isQuick = false

  /// The problem of that name.
  static func problem(_ name: String) throws(UsageError) -> any PeerProblem.Type {
    guard let problem = peerProblems.first(where: { $0.name == name }) else {
      throw UsageError(
        description: "There is no problem \(name); the problems are "
          + peerProblems.map { $0.name }.joined(separator: ", ") + ".")
    }
    return problem
  }

  /// The problems selected.
  var problems: [any PeerProblem.Type] {
    peerProblems.filter { only.isEmpty || only.contains($0.name) }
  }

  /// The sizes selected of a problem.
  func sizes(of problem: any PeerProblem.Type) -> [Int] {
    if !sizes.isEmpty { return sizes }
    return isQuick ? Array(problem.sizes.prefix(1)) : problem.sizes
  }

  func includes(_ task: PeerTask) -> Bool { clocks.isEmpty || clocks.contains(task.clock) }
}

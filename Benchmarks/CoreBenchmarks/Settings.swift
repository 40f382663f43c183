import Measurement

/// What the command line asks for.
struct Settings {
  var rounds = 21
  /// How long a contestant runs in each round, in seconds.
  var turn = 0.01
  var quick = false
  var json: String?
  /// Where OpenBLAS is, if not where the system looks.
  var library: String?
  /// Run only the benchmarks whose group has one of these names; empty: all.
  var only: [String] = []

  static let groups = [
    "replay", "ridge", "memory", "derivative", "krylov", "blocks", "allocations", "unrolled",
    "batches",
    "certificates", "kernels", "structure",
  ]

  static let help = """
    Usage: CoreBenchmarks [options]

    Measures the core library against hand-written loops, in alternation and in one process. A line
    tells the median of the rounds, the least time, the median ratio to the first contestant, the
    error against a reference, and whether the number wanted is reached.

      --only NAME     one group alone (may be repeated): \(groups.joined(separator: ", "))
      --rounds N      rounds of alternation (default 21)
      --quick         three short rounds and smaller problems: does it run?
      --json FILE     writes the findings to a file as well
      --openblas FILE compares the kernels with this library (default: the system's, if any)
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
    while let option = rest.popFirst() {
      switch option {
      case "--quick":
        quick = true
        rounds = 3
        turn = 0.001
      case "--json": json = try value(of: option)
      case "--openblas": library = try value(of: option)
      case "--rounds":
        let text = try value(of: option)
        guard let count = Int(text), (1...10_000).contains(count) else {
          throw UsageError(description: "--rounds is a number from 1 to 10000, not \(text).")
        }
        rounds = count
      case "--only":
        let name = try value(of: option)
        guard Settings.groups.contains(name) else {
          throw UsageError(
            description:
              "--only \(name): the groups are \(Settings.groups.joined(separator: ", ")).")
        }
        only.append(name)
      default:
        throw UsageError(description: "\(option) is not an option; --help lists them.")
      }
    }
  }

  func includes(_ group: String) -> Bool { only.isEmpty || only.contains(group) }
}

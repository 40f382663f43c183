/// What the command line asks for.
struct HuntOptions {
  var count = 2000
  var seed: UInt64 = 1
  var only: Int?
  var json: String?
  var listed = 20

  static let help = """
    Usage: fault-hunt [options]

    Draws random implicit problems, differentiates them with the library, and judges the derivatives by
    an oracle of its own. Exit status 1 when a derivative is wrong and nothing said so.

      --count N     problems (default 2000)
      --seed N      the series of problems (default 1)
      --only N      problem N of the series alone, with its numbers
      --list N      findings printed (default 20; 0 for none, `all` for all)
      --json FILE   writes counts and all findings to a file
      --help        prints this text

    Build with `-c release`. Benchmarks/FaultHunt/README.md says what the problems are.
    """

  /// - Throws: `UsageError` for an option that is unknown or lacks its value.
  init(_ arguments: [String]) throws(UsageError) {
    var rest = arguments[...]
    func value<Number: LosslessStringConvertible & Comparable>(
      of option: String, from least: Number
    ) throws(UsageError) -> Number {
      let text = rest.popFirst()
      guard let text else { throw UsageError(description: "\(option) needs a value.") }
      guard let number = Number(text), number >= least else {
        throw UsageError(description: "\(option) is a number from \(least) on, not \(text).")
      }
      return number
    }
    while let option = rest.popFirst() {
      switch option {
      case "--count": count = try value(of: option, from: 1)
      case "--seed": seed = try value(of: option, from: 0)
      case "--only": only = try value(of: option, from: 0)
      case "--list":
        if rest.first == "all" {
          rest.removeFirst()
          listed = .max
        } else {
          listed = try value(of: option, from: 0)
        }
      case "--json":
        guard let path = rest.popFirst() else {
          throw UsageError(description: "\(option) needs a value.")
        }
        json = path
      default:
        throw UsageError(description: "\(option) is not an option; --help lists them.")
      }
    }
  }
}

/// A command line that cannot be followed, in a sentence.
struct UsageError: Error, CustomStringConvertible {
  var description: String
}

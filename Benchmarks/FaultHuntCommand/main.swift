// Hunts for derivatives that are wrong without a word.

import FaultHunt
import FaultOracle

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Rewrites the line on the terminal.
func progress(_ text: String) {
  let line = Array("\r\u{1B}[K\(text)".utf8)
  _ = write(STDERR_FILENO, line, line.count)
}

func hunt() throws -> Int32 {
  let arguments = Array(CommandLine.arguments.dropFirst())
  if arguments.contains("--help") {
    print(HuntOptions.help)
    return 0
  }
  let options = try HuntOptions(arguments)
  var tally = Tally()
  if let index = options.only {
    let judgement = Judgement(HuntProblem(seed: options.seed, index: index))
    print(judgement.details)
    tally.add(judgement)
  } else {
    let showsProgress = isatty(STDERR_FILENO) != 0
    for index in 0..<options.count {
      tally.add(Judgement(HuntProblem(seed: options.seed, index: index)))
      if showsProgress, index % 100 == 99 {
        progress("\(index + 1) of \(options.count) problems")
      }
    }
    if showsProgress { progress("") }
    print(tally)
    let findings = tally.findings.prefix(options.listed)
    if !findings.isEmpty { print("") }
    for finding in findings { print(finding.text) }
    let left = tally.findings.count - findings.count
    if left > 0 { print("… and \(left) more: --list all") }
  }
  if let path = options.json {
    guard let file = fopen(path, "w") else {
      throw UsageError(description: "The file \(path) cannot be written.")
    }
    fputs(tally.json, file)
    fclose(file)
  }
  return tally.total.silentlyWrong > 0 ? 1 : 0
}

do {
  exit(try hunt())
} catch {
  print("fault-hunt: \(error)")
  exit(2)
}

// The library on problems that other libraries solve too. Not tests: times depend on the machine and
// on what else it does.

import Measurement
import PeerProblems

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

func runComparison() throws -> Int32 {
  if CommandLine.arguments.contains("--help") {
    print(Settings.help)
    return 0
  }
  let settings = try Settings(Array(CommandLine.arguments.dropFirst()))
  guard SplitMix64.isAsPublished else {
    print("The generator differs from the published one: no number would mean anything.")
    return 1
  }
  switch settings.mode {
  case .table: return try printTable(settings)
  case .serve:
    var server = Server()
    server.run()
  case .once: try runOnce(settings)
  case .data: printData(settings)
  case .growth: return try measureGrowth(settings)
  case .page(let results): try writePage(results, settings)
  }
  return 0
}

/// Measures every task selected and prints a line for each.
func printTable(_ settings: Settings) throws -> Int32 {
  var all: [Measured] = []
  for problem in settings.problems {
    for n in settings.sizes(of: problem) {
      let tasks = try problem.init(count: n).tasks
      for task in tasks where settings.includes(task) {
        let measured = measure(task, of: problem.name, count: n, settings)
        print(measured.line)
        fflush(nil)
        all.append(measured)
      }
    }
  }
  if let path = settings.json {
    guard let file = fopen(path, "w") else {
      throw UsageError(description: "The file \(path) cannot be written.")
    }
    fputs("[\n" + all.map { "  " + $0.json }.joined(separator: ",\n") + "\n]\n", file)
    fclose(file)
  }
  return all.contains { $0.failure != nil } ? 1 : 0
}

func measure(_ task: PeerTask, of problem: String, count n: Int, _ settings: Settings) -> Measured {
  var measured = Measured(
    problem: problem, count: n, clock: task.clock.rawValue, times: CallTimes(), error: .nan)
  do {
    // A first call warms up and is not counted.
    var gradient = try task.run()
    for _ in 0..<settings.rounds {
      gradient = try measured.times.measure(turn: settings.turn, task.run)
    }
    measured.error = relativeError(gradient, try task.reference())
  } catch {
    measured.failure = "\(error)"
  }
  return measured
}

/// Runs the first task selected, without measuring it, and prints the memory of this process.
func runOnce(_ settings: Settings) throws {
  guard let problem = settings.problems.first, let n = settings.sizes(of: problem).first,
    let task = try problem.init(count: n).tasks.first(where: settings.includes)
  else { throw UsageError(description: "Nothing is selected.") }
  for _ in 0..<settings.repetitions { _ = try task.run() }
  print("{\"peakBytes\": \(peakMemory().map(String.init) ?? "null")}")
}

func printData(_ settings: Settings) {
  guard let problem = settings.problems.first, let n = settings.sizes(of: problem).first else {
    return
  }
  let entries = problem.init(count: n).data.map { "\(jsonString($0.name)): \($0.values)" }
  print("{" + entries.joined(separator: ",\n") + "}")
}

do {
  exit(try runComparison())
} catch let error as UsageError {
  print("PeerBenchmarks: \(error)")
  exit(2)
} catch {
  print("PeerBenchmarks: \(error)")
  exit(1)
}

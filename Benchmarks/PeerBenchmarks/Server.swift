import Measurement
import PeerProblems

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Answers requests, a line of JSON for each line read, so that other programs can take turns with
/// this one:
/// ```
/// problem;n;clock;seconds       {"seconds": [3.1e-05, …]}: calls for that long
/// problem;n;clock;gradient      {"gradient": [0.25, …]}
/// problem;n;clock;reference     {"gradient": […]}, without the library
/// build                         {"optimised": true, "nativeCPU": false, …}: how this was compiled
/// ```
/// What cannot be done is answered by `{"failure": "sentence"}`.
struct Server {
  /// The task asked for last, so that its problem is drawn once.
  private var current: (key: String, task: PeerTask)?

  mutating func run() {
    while let line = readLine() {
      if line.isEmpty { continue }
      do {
        print(try answer(line))
      } catch {
        print("{\"failure\": \(jsonString("\(error)"))}")
      }
      fflush(nil)
    }
  }

  private mutating func answer(_ line: String) throws -> String {
    if line == "build" { return Server.build }
    let parts = line.split(separator: ";").map(String.init)
    guard parts.count == 4, let n = Int(parts[1]), n > 0 else {
      throw UsageError(description: "A request is problem;n;clock;seconds, not \(line).")
    }
    let task = try task(parts[0], n, parts[2])
    switch parts[3] {
    case "gradient": return "{\"gradient\": \(try task.run())}"
    case "reference": return "{\"gradient\": \(try task.reference())}"
    default:
      guard let turn = Double(parts[3]) else {
        throw UsageError(description: "\(parts[3]) is no number of seconds.")
      }
      var times = CallTimes()
      _ = try times.measure(turn: turn, task.run)
      return "{\"seconds\": \(times.seconds)}"
    }
  }

  private static var build: String {
    var (isOptimised, isNative) = (true, false)
    #if DEBUG
      isOptimised = false
    #endif
    #if NativeCPU
      isNative = true
    #endif
    return "{\"optimised\": \(isOptimised), \"nativeCPU\": \(isNative)}"
  }

  private mutating func task(_ name: String, _ n: Int, _ clock: String) throws -> PeerTask {
    let key = "\(name);\(n);\(clock)"
    if let current, current.key == key { return current.task }
    let tasks = try Settings.problem(name).init(count: n).tasks
    guard let task = tasks.first(where: { $0.clock.rawValue == clock }) else {
      throw UsageError(description: "\(name) has no clock \(clock).")
    }
    current = (key, task)
    return task
  }
}

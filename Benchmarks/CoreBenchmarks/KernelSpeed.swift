import Measurement
import Kernels

/// The kernels alone, each against OpenBLAS on one thread (the first contestant, where it is found).
/// Both start from the same data; what they overwrite is copied anew in their own time.
func benchmarkKernels(_ settings: Settings, into report: inout Report) throws {
  let peer = OpenBLAS(path: settings.library)
  print(
    peer.map { "\nOpenBLAS with its kernels for \($0.processor), one thread" }
      ?? "\nOpenBLAS is not found (--openblas FILE): our kernels run alone.")
  let bench = KernelBench(settings: settings, peer: peer)
  let orders = settings.quick ? [50] : [100, 500, 1000]
  for n in orders { try bench.matrixVector(n, into: &report) }
  for n in orders { try bench.matrixMatrix(n, into: &report) }
  for n in orders { try bench.factorizations(n, into: &report) }
  let (m, n) = settings.quick ? (60, 50) : (1000, 500)
  try bench.normalMatrix(rows: m, columns: n, into: &report)
  for n in settings.quick ? [1000] : [1000, 100_000] { try bench.elementary(n, into: &report) }
  try bench.banded(settings.quick ? 1000 : 100_000, into: &report)
}

/// What a native build is wanted to reach, as a multiple of OpenBLAS's time.
#if NativeCPU
  let kernelTarget: Double? = 1.5
#else
  let kernelTarget: Double? = nil
#endif

struct KernelBench {
  let settings: Settings
  let peer: OpenBLAS?

  /// Lets the contestants that exist take turns, and adds them with their rates.
  func compare(
    _ title: String, operations: Double? = nil, elements: Int? = nil,
    target: Double? = kernelTarget, _ contestants: [Contestant?], into report: inout Report
  ) throws {
    let present = contestants.compactMap { $0 }
    let timings = try alternate(rounds: settings.rounds, turn: settings.turn, present)
    let isCompared = contestants.first.map { $0 != nil } ?? false
    for (index, timing) in timings.enumerated() {
      var rate: String?
      if let operations { rate = "\(shortened(operations / timing.least * 1e-9)) GF/s" }
      if let elements { rate = "\(shortened(timing.least / Double(elements) * 1e9)) ns each" }
      report.add(
        Finding(
          benchmark: title, contestant: timing.name, value: timing.median, least: timing.least,
          rate: rate, ratio: index == 0 ? nil : timing.ratio, error: timing.error,
          target: index == 0 || !isCompared ? nil : target))
    }
  }
}

extension Contestant {
  /// A contestant whose error is that of `result` against `reference`.
  init(
    _ name: String, _ result: KernelBuffer, _ reference: KernelBuffer,
    _ run: @escaping () throws -> Void
  ) {
    self.init(
      name: name, run: run, error: { relativeError(result.array, reference.array) })
  }
}

/// Doubles that begin at a line of the cache, where large arrays may or may not.
final class KernelBuffer {
  let start: UnsafeMutablePointer<Double>
  let count: Int

  init(_ values: [Double]) {
    count = values.count
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: max(64, 8 * values.count), alignment: 64)
    start = raw.bindMemory(to: Double.self, capacity: max(8, values.count))
    for i in 0..<count { start[i] = values[i] }
  }

  convenience init(zeros count: Int) { self.init([Double](repeating: 0, count: count)) }

  deinit { start.deallocate() }

  var array: [Double] { Array(UnsafeBufferPointer(start: start, count: count)) }

  func copy(_ other: KernelBuffer) { start.update(from: other.start, count: count) }
}

// Benchmarks of the core library. Not tests: times depend on the machine and on what else it does.

import Measurement

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

func runBenchmarks() async throws -> Int32 {
  if CommandLine.arguments.contains("--help") {
    print(Settings.help)
    return 0
  }
  let settings = try Settings(Array(CommandLine.arguments.dropFirst()))
  guard SplitMix64.isAsPublished else {
    print("The generator differs from the published one: no number would mean anything.")
    return 1
  }
  var report = Report()
  if settings.includes("replay") {
    for n in settings.quick ? [1000] : [1000, 100_000] {
      try benchmarkTridiagonalReplay(count: n, settings, into: &report)
    }
  }
  if settings.includes("ridge") {
    let (m, n) = settings.quick ? (100, 50) : (1000, 500)
    try benchmarkRidgeProduct(rows: m, columns: n, settings, into: &report)
  }
  if settings.includes("memory") {
    try benchmarkMemoryBound(count: settings.quick ? 500 : 2000, settings, into: &report)
  }
  if settings.includes("derivative") {
    for n in settings.quick ? [10] : [10, 100, 1000, 10_000] {
      try benchmarkSmallDerivative(count: n, settings, into: &report)
    }
  }
  if settings.includes("krylov") {
    try benchmarkKrylovIteration(count: settings.quick ? 10_000 : 100_000, settings, into: &report)
  }
  if settings.includes("blocks") { try benchmarkBlockSolves(settings, into: &report) }
  if settings.includes("allocations") { try benchmarkAllocations(settings, into: &report) }
  if settings.includes("unrolled") {
    for n in [10, 1000] { try benchmarkUnrolledRecording(count: n, settings, into: &report) }
  }
  if settings.includes("batches") { try await benchmarkBatch(settings, into: &report) }
  if settings.includes("certificates") { try benchmarkCertificates(settings, into: &report) }
  if settings.includes("kernels") { try benchmarkKernels(settings, into: &report) }
  if settings.includes("structure") { try benchmarkStructure(settings, into: &report) }
  print("\n\(report.missed == 0 ? "All numbers wanted are reached." : "\(report.missed) missed.")")
  if let path = settings.json {
    guard let file = fopen(path, "w") else {
      throw UsageError(description: "The file \(path) cannot be written.")
    }
    fputs(report.json, file)
    fclose(file)
  }
  return 0
}

do {
  exit(try await runBenchmarks())
} catch let error as UsageError {
  print("CoreBenchmarks: \(error)")
  exit(2)
} catch {
  print("CoreBenchmarks: \(error)")
  exit(1)
}

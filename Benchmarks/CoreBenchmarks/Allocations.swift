import AllocationCounter
import ImplicitDifferentiation

/// Requests for memory of 1,000 and of 2,000 replays of a compiled program: equal numbers mean
/// that a replay makes none.
func benchmarkAllocations(_ settings: Settings, into report: inout Report) throws {
  // A counter that stands still would agree with anything: two vectors must move it.
  let start = allocationCount()
  let sum = Tensor([1, 2, 3]) + Tensor([4, 5, 6])
  guard sum.count == 3, allocationCount() > start else {
    print("\nallocations: requests for memory cannot be counted with this C library.")
    return
  }
  let n = 1000
  let problem = ExponentialTridiagonal(count: n)
  let jacobian = try problem.linearization().jacobian
  let v = problem.direction
  var out = [Double](repeating: 0, count: n)

  for transposed in [false, true] {
    func requests(replays: Int) throws -> Int64 {
      let before = allocationCount()
      for _ in 0..<replays {
        var span = out.mutableSpan
        if transposed {
          try jacobian.transposeMatvec(v.span, into: &span)
        } else {
          try jacobian.matvec(v.span, into: &span)
        }
      }
      return allocationCount() - before
    }
    _ = try requests(replays: 1)  // compiles
    let name = "requests for memory, \(transposed ? "backwards" : "forwards")"
    let (once, twice) = (try requests(replays: 1000), try requests(replays: 2000))
    report.add(
      Finding(
        benchmark: name, contestant: "1,000 replays", value: Double(once), unit: "requests"))
    report.add(
      Finding(
        benchmark: name, contestant: "2,000 replays", value: Double(twice), unit: "requests",
        target: Double(once)))
  }
}

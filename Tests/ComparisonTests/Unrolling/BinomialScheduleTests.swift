import Testing

@testable import Comparison

struct BinomialScheduleTests {
  /// The fewest forward steps, by dynamic programming over the first advance.
  private func fewest(steps: Int, slots: Int) -> [[Int]] {
    // best[s][l]; with no slot left a single step can still be recorded from where it stands.
    var best = [[Int]](
      repeating: [Int](repeating: Int.max / 4, count: steps + 1), count: slots + 1)
    for s in 0...slots {
      best[s][0] = 0
      best[s][1] = 0
    }
    for s in 1...slots {
      for l in stride(from: 2, through: steps, by: 1) {
        best[s][l] = (1..<l).map { m in m + best[s - 1][l - m] + best[s][m] }.min() ?? 0
      }
    }
    return best
  }

  /// What the schedule does, counted by following it.
  private func followed(steps: Int, slots: Int) -> Int {
    var (total, rest) = (0, steps)
    while rest > 1 {
      let m = BinomialSchedule(steps: rest, slots: slots).firstAdvance
      total += m + followed(steps: rest - m, slots: slots - 1)
      rest = m
    }
    return total
  }

  @Test func isOptimal() {
    let best = fewest(steps: 60, slots: 8)
    for s in 1...8 {
      for l in 1...60 {
        let schedule = BinomialSchedule(steps: l, slots: s)
        #expect(schedule.forwardSteps == best[s][l], "\(s) slots, \(l) steps")
        #expect(followed(steps: l, slots: s) == best[s][l], "\(s) slots, \(l) steps")
      }
    }
  }

  /// Table 1 of Griewank and Walther's subject: β(s, r).
  @Test func reach() {
    #expect(BinomialSchedule.reach(slots: 3, repetitions: 2) == 10)
    #expect(BinomialSchedule.reach(slots: 10, repetitions: 6) == 8008)
    #expect(BinomialSchedule.reach(slots: 100, repetitions: 2) == 5151)
    #expect(BinomialSchedule.reach(slots: 5, repetitions: -1) == 0)
    #expect(BinomialSchedule.reach(slots: 200, repetitions: 200) == Int.max)
    #expect(BinomialSchedule(steps: 10_000, slots: 100).repetitions == 3)
    #expect(BinomialSchedule(steps: 10_000, slots: 10).repetitions == 7)
    #expect(BinomialSchedule(steps: 8_008, slots: 10).repetitions == 6)
  }

  @Test func edges() {
    #expect(BinomialSchedule(steps: 0, slots: 3).forwardSteps == 0)
    #expect(BinomialSchedule(steps: 1, slots: 1).forwardSteps == 0)
    #expect(BinomialSchedule(steps: 100, slots: 1).forwardSteps == 4950)
    // Enough slots: every step but the last is run once, and recorded once.
    #expect(BinomialSchedule(steps: 100, slots: 100).forwardSteps == 99)
    #expect(BinomialSchedule(steps: 100, slots: 500).forwardSteps == 99)
  }
}

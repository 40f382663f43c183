import Testing

@testable import LiteratePages

@Suite struct TimingsTests {
  @Test func file() throws {
    try withTemporaryFolder { path in
      var times = Timings()
      times.add("solve, \"fast\"", .milliseconds(1_500))
      times.add("unrolled", .microseconds(20))
      try times.write(page: "Page", to: path + "/t.csv")
      #expect(
        try contents(path + "/t.csv")
          == "page,label,seconds\nPage,\"solve, \"\"fast\"\"\",1.5\nPage,\"unrolled\",2e-5\n")
    }
  }

  @Test(
    arguments: [
      (Duration.milliseconds(1_234), "1.23 s"), (.milliseconds(12), "12 ms"),
      (.nanoseconds(3_100), "3.1 µs"), (.zero, "0 µs"),
    ] as [(Duration, String)])
  func readable(duration: Duration, text: String) {
    #expect(Timings.readable(duration) == text)
  }
}

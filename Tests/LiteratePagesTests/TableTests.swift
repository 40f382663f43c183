import ImplicitDifferentiation
import PromptTasks
import Testing

@testable import LiteratePages

@Suite struct TableTests {
  static let people = "age,bmi,kind\n59,32.1,A\n48,-2.16e1,B\n"

  @Test("Columns by name, side by side, and as labels")
  func columns() throws {
    let table = try Table(csv: Self.people)
    #expect(table.columnNames == ["age", "bmi", "kind"])
    #expect(table.rowCount == 2)
    #expect(try table["bmi"] == [32.1, -21.6])
    #expect(try table.columns(["bmi", "age"]) == [[32.1, 59], [-21.6, 48]])
    #expect(try table.columns([]).shape == [2, 0])
    #expect(try table.labels("kind") == ["A", "B"])
    #expect(try table.labels("age") == ["59", "48"])
  }

  @Test(
    "What does not change the table",
    arguments: [
      "age,bmi,kind\r\n59,32.1,A\r\n48,-2.16e1,B\r\n", "age,bmi,kind\n59,32.1,A\n48,-2.16e1,B",
      "age,bmi,kind\n59,32.1,A\n48,-2.16e1,B\n\n\r\n",
      " age ,\tbmi,kind\n59, 32.1 ,A\n48,-2.16e1, B\n",
      "\"age\",\"bmi\",kind\n59,\"32.1\",\"A\" \n48,-2.16e1,B\n",
      "\u{FEFF}age,bmi,kind\n59,32.1,A\n48,-2.16e1,B\n",
      "age,bmi,kind\n+59,0032.10,A\n4.8E1,-21.6,B\n",
    ])
  func spellings(_ text: String) throws {
    let (table, plain) = (try Table(csv: text), try Table(csv: Self.people))
    #expect(table.columnNames == plain.columnNames)
    #expect(try table.columns(["age", "bmi"]) == plain.columns(["age", "bmi"]))
    #expect(try table.labels("kind") == plain.labels("kind"))
  }

  @Test("Quoted fields hold commas and quotes")
  func quotes() throws {
    let table = try Table(csv: "\"a,\"\"b\"\"\",c\n\" x, y \",\"\"\n")
    #expect(table.columnNames == ["a,\"b\"", "c"])
    #expect(try table.labels("a,\"b\"") == [" x, y "])
    #expect(try table.labels("c") == [""])
  }

  @Test("A header alone is a table without rows")
  func headerAlone() throws {
    let table = try Table(csv: "a,b")
    #expect(table.rowCount == 0)
    #expect(try table["b"].shape == [0])
    #expect(try table.columns(["a", "b"]).shape == [0, 2])
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let text: String
    let line: Int
    let column: Int
    let reason: String
    var testDescription: String { reason }
  }

  @Test(
    "What is no table of numbers, and where",
    arguments: [
      Fault(text: "", line: 1, column: 1, reason: "the table is empty, it has no header"),
      Fault(text: "\n\r\n", line: 1, column: 1, reason: "the table is empty, it has no header"),
      Fault(text: "a,,c\n", line: 1, column: 3, reason: "the name of a column is missing"),
      Fault(text: "a,b,a\n", line: 1, column: 5, reason: "two columns have the name \"a\""),
      Fault(
        text: "a,b\n1,2\n3\n", line: 3, column: 1, reason: "the row has 1 fields, the header 2"),
      Fault(text: "a,b\n1,2,3\n", line: 2, column: 5, reason: "the row has 3 fields, the header 2"),
      Fault(
        text: "a,b\n1,2\n\n3,4\n", line: 3, column: 1, reason: "the row has 1 fields, the header 2"),
      Fault(text: "a,b\n1, two\n", line: 2, column: 4, reason: "\"two\" for \"b\" is not a number"),
      Fault(text: "a,b\n1,\n", line: 2, column: 3, reason: "the number for \"b\" is missing"),
      Fault(text: "a,b\n1,nan\n", line: 2, column: 3, reason: "\"nan\" for \"b\" is not a number"),
      Fault(
        text: "a,b\n1,1e999\n", line: 2, column: 3, reason: "\"1e999\" for \"b\" is not a number"),
      Fault(
        text: "a,b\n1,0x1p3\n", line: 2, column: 3, reason: "\"0x1p3\" for \"b\" is not a number"),
      Fault(text: "a,b\n1,2;3\n", line: 2, column: 3, reason: "\"2;3\" for \"b\" is not a number"),
      Fault(
        text: "a,b\n1,\"2\n\"", line: 2, column: 3, reason: "a quote is not closed on its line"),
      Fault(text: "a,b\n1,\"2\"3\n", line: 2, column: 6, reason: "text follows a field in quotes"),
      Fault(text: "a,b\n1,2\"\n", line: 2, column: 4, reason: "a quote stands inside a field"),
      Fault(
        text: "a\n1\n", line: 1, column: 1,
        reason: "there is no column \"b\"; the columns are \"a\""),
    ])
  func faults(_ fault: Fault) throws {
    let expected = MalformedTable(
      line: fault.line, column: fault.column, reason: fault.reason)
    #expect(throws: expected) { try Table(csv: fault.text)["b"] }
    #expect(
      expected.description
        == "line \(fault.line), column \(fault.column) of the table: \(fault.reason)")
  }

  @Test("Written and read again: the same bits")
  func roundTrip() throws {
    var numbers = Choices(seed: 4)
    let extremes: [Double] = [
      0, -0.0, 1, 0.1, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude,
      1 / 3,
      1e22, 123456789012345680,
    ]
    // Any finite bit pattern.
    let patterns = (0..<990).map { _ -> Double in
      let value = Double(bitPattern: numbers.bits())
      return value.isFinite ? value : 1
    }
    let matrix = Tensor(shape: [100, 10], extremes + patterns)
    let names = (0..<9).map { "column \($0)" } + ["the \"last\", really"]
    let table = try Table(csv: try matrix.csv(columnNames: names))
    #expect(table.columnNames == names)
    #expect(try table.columns(names).scalars.map(\.bitPattern) == matrix.scalars.map(\.bitPattern))
    #expect(try Tensor([1, 2.5]).csv(columnNames: ["x"]) == "x\n1.0\n2.5\n")
    #expect(throws: DifferentiationError.notFinite(what: "the table", index: 1, value: .infinity)) {
      try Tensor([1, .infinity]).csv(columnNames: ["x"])
    }
  }

  @Test("What is no matrix stops the program, with its shape")
  func rankThree() async {
    let result = await promptly {
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = try Tensor.zeros([1, 1, 1]).csv(columnNames: ["a"])
      }
    }
    let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(words.contains("Only a vector or a matrix is written as CSV; the shape is [1, 1, 1]"))
  }

  @Test("Names that no reader would take stop the program")
  func names() async {
    let result = await promptly {
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = try Tensor.zeros([1, 1]).csv(columnNames: ["a\nb"])
      }
    }
    let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(words.contains("\"a\\nb\" cannot name a column of a table."))
    await promptly {
      await #expect(processExitsWith: .failure) {
        _ = try Tensor.zeros([1, 2]).csv(columnNames: ["a", "a"])
      }
    }
    await promptly {
      await #expect(processExitsWith: .failure) {
        _ = try Tensor.zeros([1, 1]).csv(columnNames: [""])
      }
    }
  }
}

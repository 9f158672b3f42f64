/// A part of a program under construction, which can stand anywhere: all distances are relative.
struct RegexCode {
  private(set) var instructions: [RegexProgram.Instruction] = []

  var count: Int { instructions.count }

  mutating func append(_ instruction: RegexProgram.Instruction) {
    instructions.append(instruction)
  }

  mutating func append(_ other: RegexCode) { instructions += other.instructions }

  /// Takes off what stands from `start` on.
  mutating func split(from start: Int) -> RegexCode {
    var rest = RegexCode()
    rest.instructions = Array(instructions[start...])
    instructions.removeSubrange(start...)
    return rest
  }

  /// One of several.
  static func alternatives(_ codes: [RegexCode]) -> RegexCode {
    // From the last one on, each jumping over what is already there, would be quadratic.
    let total = codes.reduce(0) { $0 + $1.count + 2 } - 2
    var all = RegexCode()
    for (number, code) in codes.enumerated() {
      guard number < codes.count - 1 else {
        all.append(code)
        break
      }
      all.append(.split(code.count + 2))
      all.append(code)
      all.append(.jump(total - all.count))
    }
    return all
  }

  /// How many instructions `repeated` makes; `nil` if that is more than a number holds.
  func repeatedCount(_ minimum: Int, _ maximum: Int?) -> Int? {
    if instructions.isEmpty { return 0 }
    guard let maximum else {
      let (copies, overflow) = count.multipliedReportingOverflow(by: max(minimum, 1))
      return overflow ? nil : copies.addingReportingOverflow(2).partialValue
    }
    let (copies, overflow) = (count + 1).multipliedReportingOverflow(by: maximum)
    return overflow ? nil : copies - minimum
  }

  /// As often as `minimum`, up to `maximum` times or without end.
  func repeated(_ minimum: Int, _ maximum: Int?) -> RegexCode {
    var result = RegexCode()
    if instructions.isEmpty { return result }
    for _ in 0..<minimum { result.append(self) }
    if let maximum {
      let optional = max(0, maximum - minimum)
      for number in 0..<optional {
        result.append(.split((optional - number) * (count + 1)))
        result.append(self)
      }
    } else if minimum > 0 {
      result.append(.split(-count))
    } else {
      result.append(.split(count + 2))
      result.append(self)
      result.append(.jump(-count - 1))
    }
    return result
  }
}

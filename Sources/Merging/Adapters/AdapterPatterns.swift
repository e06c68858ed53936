import Base

/// Values by patterns of module names, such as `rank_pattern` of PEFT.
struct AdapterPatterns {
  /// The maximum number of steps to match all patterns with all names.
  private static let stepLimit = 2_000_000_000

  private var entries: [(pattern: NamePattern, value: Double)] = []

  /// Reads a member of an adapter's configuration.
  ///
  /// - Parameter names: The total length of the names that patterns are matched with.
  init(_ key: String, of adapter: AdapterFile, nameLength: Int) throws {
    let members: JSONObject
    switch adapter.config?[key] {
    case nil, .null: return
    case .object(let object): members = object
    default: throw adapter.configFault("\(key) is not an object")
    }
    for (text, value) in members {
      guard let number = value.asDouble else {
        throw adapter.configFault("\(key): the value of '\(text.printable)' is not a number")
      }
      do throws(NamePattern.Fault) { entries.append((try NamePattern(text), number)) } catch {
        throw adapter.configFault(
          "\(key): pattern '\(text.printable)': \(error.reason), at character \(error.offset + 1)",
          hint: "write the names of the modules in full, or merge the adapter with PEFT first")
      }
    }
    let steps = entries.reduce(0) { $0 + $1.pattern.stepsPerScalar }
    let (total, overflow) = steps.multipliedReportingOverflow(by: nameLength)
    guard !overflow, total <= Self.stepLimit else {
      throw adapter.configFault(
        "\(key): has too many patterns to match, expected up to "
          + "\(Self.stepLimit / max(1, nameLength)) steps for each character of a name")
    }
  }

  /// Returns the value of the first pattern that matches the end of `module` after a dot, as in PEFT.
  func value(of module: String) -> Double? {
    guard !entries.isEmpty else { return nil }
    let subject = NamePattern.Subject(module)
    return entries.first { $0.pattern.matchesEnd(of: subject) }?.value
  }
}

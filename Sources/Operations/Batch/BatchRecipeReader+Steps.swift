import Base
import Recipes

/// An option of a step, as words of a command line.
struct BatchOption {
  var name: String
  /// Empty for an option that is left out, whatever the defaults are.
  var words: [String]
  var line: Int
}

/// A step of a file of jobs before its options are parsed.
struct ParsedStep {
  var verb: String
  var options: [BatchOption]
  var line: Int
}

extension BatchRecipeReader {
  /// The verbs that write no checkpoint; only `verify` may be a step, the last one.
  private static let comparingVerb = "verify"

  /// Returns the steps, and reports those that do not fit together.
  mutating func steps(_ value: RecipeValue) -> [ParsedStep] {
    guard let list = value.asList, !list.isEmpty else {
      fault(value.line, "steps is \(value.kind), expected a list of commands")
      return []
    }
    let verbs = parser.verbs.filter { $0 != "inspect" }
    var steps: [ParsedStep] = []
    for (index, item) in list.enumerated() {
      let verb: String
      var options: RecipeValue?
      if let name = item.asString {
        verb = name
      } else if let members = item.asMap, members.count == 1 {
        verb = members[0].key
        if members[0].value.content != .null { options = members[0].value }
      } else {
        fault(item.line, "a step is \(item.kind), expected a command, or a map of one command")
        continue
      }
      guard verbs.contains(verb) else {
        fault(
          item.line, "'\(verb.shown)' is not a command for a step",
          hint: Nearest.name(verb, of: verbs).map { "did you mean '\($0)'?" }
            ?? "the commands are \(verbs.joined(separator: ", "))")
        continue
      }
      if verb == Self.comparingVerb, index == 0 || index < list.count - 1 {
        fault(
          item.line, "verify compares the output with the input, so it is the last of several steps"
        )
      }
      steps.append(
        ParsedStep(
          verb: verb, options: options.map { self.options($0, of: verb) } ?? [], line: item.line))
    }
    return steps
  }

  /// Returns the options by verb.
  mutating func options(
    _ value: RecipeValue, _ key: Message, verbs: Set<String>
  ) -> [String: [BatchOption]] {
    guard let members = value.asMap else {
      fault(value.line, key + " is \(value.kind), expected a map of commands with their options")
      return [:]
    }
    var result: [String: [BatchOption]] = [:]
    for member in members {
      guard verbs.contains(member.key) else {
        let names = verbs.sorted()
        fault(
          member.line, key + ": no step is '\(member.key.shown)'",
          hint: Nearest.name(member.key, of: names).map { "did you mean '\($0)'?" }
            ?? "the steps are \(names.joined(separator: ", "))")
        continue
      }
      if member.value.content != .null {
        result[member.key] = options(member.value, of: member.key)
      }
    }
    return result
  }

  /// Returns the options of a step as words.
  private mutating func options(_ value: RecipeValue, of verb: String) -> [BatchOption] {
    guard let members = value.asMap else {
      fault(value.line, "\(verb) is \(value.kind), expected a map of options")
      return []
    }
    let known = optionNames[verb] ?? parser.options(of: verb)
    optionNames[verb] = known
    return members.compactMap { member in
      guard let isFlag = known[member.key] else {
        unknown(member.key, line: member.line, in: Message(verb), of: known.keys.sorted())
        return nil
      }
      return option(member, isFlag: isFlag)
    }
  }

  private mutating func option(_ member: RecipeValue.Member, isFlag: Bool) -> BatchOption? {
    var option = BatchOption(name: member.key, words: [], line: member.line)
    if let flag = member.value.asBool, isFlag || !flag {
      if flag { option.words = ["--\(member.key)"] }
      return option
    }
    guard member.value.content != .null else { return option }
    guard !isFlag else {
      fault(member.line, "\(member.key) is \(member.value.kind), expected true or false")
      return nil
    }
    for value in member.value.asList ?? [member.value] {
      guard let text = Self.text(value) else {
        fault(value.line, "\(member.key) is \(value.kind), expected a text or a number")
        return nil
      }
      option.words.append("--\(member.key)=\(text)")
    }
    return option
  }

  private static func text(_ value: RecipeValue) -> String? {
    switch value.content {
    case .string(let text): text
    case .integer(let number): String(number)
    case .number(let number): "\(number)"
    case .bool, .null, .list, .map: nil
    }
  }

  // MARK: Operations

  /// Returns a step with the options of the defaults, of the step and of the model; later ones replace earlier ones.
  mutating func step(
    _ step: ParsedStep, _ defaults: [String: [BatchOption]], _ model: [String: [BatchOption]]
  ) -> BatchStep? {
    var options: [BatchOption] = []
    for option in (defaults[step.verb] ?? []) + step.options + (model[step.verb] ?? []) {
      options.removeAll { $0.name == option.name }
      options.append(option)
    }
    let key = [step.verb] + options.flatMap(\.words)
    if let known = operations[key] { return known.map { BatchStep($0) } }
    let operation = parsed(step, options)
    operations[key] = .some(operation)
    return operation.map { BatchStep($0) }
  }

  /// Parses the options of a step. After a fault of one option, the others are parsed without it.
  private mutating func parsed(
    _ step: ParsedStep, _ options: [BatchOption]
  ) -> (any BatchableOperation)? {
    var options = options
    var isFaulty = false
    while true {
      do {
        let operation = try parser.operation(step.verb, words: options.flatMap(\.words))
        return isFaulty ? nil : operation
      } catch {
        let error = error as? any UserError
        let reason = error?.message ?? Message("\(step.verb) cannot be parsed")
        let text = reason.text(.commandLine)
        isFaulty = true
        guard let index = options.firstIndex(where: { Self.mentions($0, in: text) }) else {
          fault(step.line, "\(step.verb): " + reason, hint: error?.hint)
          return nil
        }
        fault(
          options[index].line, "\(step.verb): " + reason,
          hint: error?.hint ?? quotingHint(options[index], text))
        options.remove(at: index)
      }
    }
  }

  /// Returns a hint if the value of an option is a number, as which YAML reads `2:4`.
  private func quotingHint(_ option: BatchOption, _ reason: String) -> Message? {
    guard reason.contains("invalid") else { return nil }
    let value = option.words.first?.split(separator: "=").last ?? ""
    return value.allSatisfy(\.isNumber) ? "put a text such as \"2:4\" in quotes" : nil
  }

  private static func mentions(_ option: BatchOption, in text: String) -> Bool {
    guard !option.words.isEmpty else { return false }
    return text.split { !($0.isLetter || $0.isNumber || $0 == "-") }.contains {
      $0 == "--\(option.name)"
    }
  }
}

import ArgumentParser
import Base
import Checkpoints
import Reporting

@main
struct Sumac: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sumac",
    abstract: "Convert, prune, inspect and verify model files.",
    discussion: """
      sumac reads and writes checkpoints as safetensors files, Hugging Face model folders and files \
      in its own packed format, .sumac. Every command checks its inputs before it starts, keeps \
      memory use below --memory, and writes an output completely or not at all.

      Examples:
        sumac convert model/ -o model.sumac      pack a model folder losslessly
        sumac inspect model.sumac                list its tensors
        sumac verify model.sumac --against model/
        sumac convert model.sumac -o restored/   unpack it again

      For help on a topic: sumac explain exit-codes

      Exit status: 0 success; 1 a comparison found a difference; 2 some of several inputs failed; 3 \
      an input is malformed, damaged or unsupported; 4 reading or writing failed; 5 the output \
      already exists; 64 wrong usage; 70 internal error; 128 and its number after a signal.
      """,
    version: "sumac \(Version.current)",
    subcommands: [
      Convert.self, Prune.self, Merge.self, Vector.self, Rope.self, Cache.self, Inspect.self,
      ReportPage.self, Verify.self, Diff.self, Eval.self, Calibrate.self, Train.self, Sparcl.self,
      Repeats.self,
      Batch.self,
      Plan.self, Task.self, Pack.self, Unpack.self, Explain.self, Doctor.self,
    ])

  static func main() {
    ProcessSetup.run()
    let arguments = CommandLineWords.completingBatch(
      CommandLineWords.joiningNegativeNumbers(Array(CommandLine.arguments.dropFirst())))
    if let suggestion = Suggestion.forSubcommand(in: arguments, of: Self.self) {
      Terminal.fail(suggestion)
    }
    var global: GlobalOptions?
    do {
      var command: any ParsableCommand
      do { command = try parsed(arguments) } catch { endParsing(error, arguments) }
      if let verb = command as? any Verb {
        global = verb.global
        try verb.run(Invocation(verb.global, arguments: arguments))
      } else {
        try command.run()
      }
      try StandardOutput.flush()
    } catch let error as InterruptedError where error.status == .brokenPipe {
      // The reader of the output has seen enough.
      exit(withError: ExitCode(error.status.rawValue))
    } catch let error as any UserError {
      Terminal.fail(error, isQuiet: global?.quiet ?? false, color: global?.color ?? .auto)
    } catch  where exitCode(for: error) == .success || error is ExitCode {
      // The help command throws a clean exit from its run method.
      exit(withError: error)
    } catch {
      Terminal.fail(
        UnexpectedError(message: "\(String(describing: error))"), color: global?.color ?? .auto)
    }
  }

  /// Parses the words of a command line.
  ///
  /// The words after a subcommand are parsed for that subcommand alone, because preparing all of them takes longer than
  /// some work. What is not a use of it, such as a request for help or an error, is parsed as a whole.
  private static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
    if let (subcommand, rest) = Suggestion.subcommand(in: arguments, of: Self.self),
      let command = try? subcommand.parseAsRoot(rest), type(of: command) == subcommand
    {
      return command
    }
    return try parseAsRoot(arguments)
  }

  /// Prints what the parser threw and exits: help or the version with status 0, an error with usage otherwise.
  private static func endParsing(_ error: any Error, _ arguments: [String]) -> Never {
    guard exitCode(for: error) != .success else { exit(withError: error) }
    let prefix = "Error: "
    let text = message(for: error, arguments)
    let isError = text.hasPrefix(prefix)
    let reason = Suggestion.withoutFarOption(isError ? String(text.dropFirst(prefix.count)) : text)
    if arguments.contains("--json") {
      let line = reason.split(separator: "\n").first.map(String.init) ?? reason
      try? StandardOutput.write(
        FailureReport(UsageError(line)).rendered(as: .json, width: nil))
    }
    Terminal.say(isError ? "sumac: error: " + reason : reason)
    let hint =
      Suggestion.forSeveralInputs(reason, arguments) ?? Suggestion.forScripts(reason, arguments)
    if let hint {
      Terminal.say("sumac: hint: " + hint)
    }
    exit(withError: ExitCode(ExitStatus.usage.rawValue))
  }

  /// Returns the parser's message, which quotes arguments, with their control characters escaped.
  private static func message(for error: any Error, _ arguments: [String]) -> String {
    let escaped = arguments.map { $0.withoutControls.replacing("\n", with: "\\n") }
    var error = error
    if escaped != arguments {
      // The parser quotes an argument or a part of it, so the arguments are escaped, not the message.
      do { _ = try parseAsRoot(escaped) } catch let other { error = other }
    }
    return fullMessage(for: error).withoutControls
  }
}

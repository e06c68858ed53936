import ArgumentParser
import Base
import Operations

/// `plan VERB` for a verb with one input: tasks for parts of one model, or a task for each of several.
struct PlanOf<Command: PlannableVerb & BatchableVerb>: Verb
where Command.Planned: BatchableOperation {
  static var configuration: CommandConfiguration {
    .plan(of: Command.Planned.verb, inputs: "<input> ...")
  }

  @OptionGroup var command: Command
  @OptionGroup(title: "Plan") var flags: PlanFlags

  @Flag(help: "Make a task for each model, as for several inputs; --into is the folder of outputs.")
  var each = false

  @OptionGroup(title: "Plan") var nameFlag: BatchNameFlag
  @OptionGroup(title: "Plan") var listFlags: Command.ListFlags

  @Argument(
    help: ArgumentHelp("More inputs: files, model folders, folders of models, or patterns."),
    completion: .file())
  var others: [String] = []

  var global: GlobalOptions { command.global }

  func run(_ invocation: Invocation) throws {
    try invocation.plan(command.writer, flags) { try work(invocation) }
  }

  private func work(_ invocation: Invocation) throws -> PlannedWork {
    let operation = try command.operation(flags, invocation)
    let inputs = (operation.inputPaths + others).filter { $0 != CommandLineWords.listWord }
    guard each || inputs.count != 1 || listFlags.list != nil || nameFlag.name != nil else {
      return .output(PlannedOutput(operation))
    }
    var batch = BatchOperation(
      folder: flags.into, models: inputs.map { BatchModel(path: $0) },
      steps: [BatchStep(operation)])
    batch.list = listFlags.list
    batch.name = nameFlag.name
    batch.replacesExisting = flags.replace
    return .models(batch)
  }
}

/// `plan VERB` for a verb whose inputs make one output.
struct PlanOfOne<Command: PlannableVerb>: Verb {
  static var configuration: CommandConfiguration {
    .plan(of: Command.Planned.verb, inputs: Command.inputWords)
  }

  @OptionGroup var command: Command
  @OptionGroup(title: "Plan") var flags: PlanFlags

  var global: GlobalOptions { command.global }

  func run(_ invocation: Invocation) throws {
    try invocation.plan(command.writer, flags) {
      .output(PlannedOutput(try command.operation(flags, invocation)))
    }
  }
}

import ArgumentParser

/// The option for the tokenizer of texts.
struct TokenizerFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp("A tokenizer.json in place of the model's.", valueName: "file"),
    completion: .file())
  var tokenizer: String?
}

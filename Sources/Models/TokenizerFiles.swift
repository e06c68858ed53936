/// The files of a tokenizer in a model folder.
package enum TokenizerFiles {
  /// The names of the files, which belong together: a model gets all of them from the same folder.
  package static let names: Set<String> = [
    "added_tokens.json", "chat_template.jinja", "chat_template.json", "merges.txt",
    "sentencepiece.bpe.model", "special_tokens_map.json", "spiece.model", "tokenizer.json",
    "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt",
  ]
}

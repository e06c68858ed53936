import ArgumentParser

struct Rope: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Longer context: show a model's rotary frequencies, and rescale them.",
    discussion: """
      The rotary embedding turns pairs of dimensions with the position. Beyond the trained length slow \
      pairs reach angles that the model never saw. Rescaling slows them down, in the model's config.json \
      alone. A model tuned with CLEX is frozen at a length, so that any runtime can use it.

      Examples:
        sumac rope show model/
        sumac rope show model/ --length 32768 --compare yarn:4 --compare pi:4
        sumac rope scale model/ --method yarn --factor 4 -o longer/
        sumac rope scale clex-model/ --method clex --context 32768 -o frozen/
      """, subcommands: [RopeShow.self, RopeScale.self])
}

import ArgumentParser

struct Rope: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rope",
    abstract: "Show, rescale and train a model's rotary frequencies for a longer context.",
    discussion: """
      The rotary embedding rotates pairs of dimensions by an angle that grows with the position. Beyond \
      the trained length, slow pairs reach angles that the model has not seen. Rescaling slows them \
      down and changes only config.json. A fit trains them with CLEX; a model tuned with CLEX is frozen at one length, so that any \
      runtime can use it.

      Examples:
        sumac rope show model/
        sumac rope show model/ --length 32768 --compare yarn:4 --compare pi:4
        sumac rope scale model/ --method yarn --factor 4 -o longer/
        sumac rope fit model/ --data text.txt --max-factor 8 --steps 1200 -o fitted
        sumac rope scale clex-model/ --method clex --context 32768 -o frozen/
      """, subcommands: [RopeShow.self, RopeScale.self, RopeFit.self])
}

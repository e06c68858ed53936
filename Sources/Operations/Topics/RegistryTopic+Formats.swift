import Base
import Caches
import Checkpoints
import Codecs
import Containers
import Rotary

/// Containers, codecs, layouts of caches, rope types and engines as topics, from their registries.
extension RegistryTopic {
  static var containers: [RegistryTopic] {
    Containers.registry.all.map { container in
      let output = container.output
      let name = container.name.rawValue
      let suffixes = output?.outputSuffixes ?? [container.suffix].compactMap(\.self)
      let facts = [
        output?.isFolder == true ? "a folder" : "a file",
        suffixes.isEmpty ? nil : "named *" + suffixes.joined(separator: ", *"),
        output == nil ? "read, not written" : "read and written",
        output?.holdsTerms == true ? "stores types and terms" : nil,
      ].compactMap(\.self)
      return RegistryTopic(
        name, usage: output == nil ? [] : ["sumac convert MODEL -o OUTPUT --to \(name)"],
        "\(container.explanation)\nA container: \(facts.joined(separator: "; ")).")
    }
  }

  static var valueCodecs: [RegistryTopic] {
    CodecRegistry.valueCodecs.map { codec in
      RegistryTopic(
        codec.name,
        "\(codec.explanation)\n"
          + "A codec for values in .sumac files, number \(codec.id), "
          + (codec.isLossless ? "lossless." : "not lossless for other values than it was made for.")
      )
    }
  }

  static var indexCodecs: [RegistryTopic] {
    CodecRegistry.indexCodecs.map { codec in
      RegistryTopic(
        codec.name,
        "\(codec.explanation)\n"
          + "A codec for the positions of sparse terms in .sumac files, number \(codec.id).")
    }
  }

  static var layouts: [RegistryTopic] {
    CacheLayouts.all.map { layout in
      let isWritten = layout.writable != nil
      return RegistryTopic(
        layout.name,
        usage: ["sumac cache convert CACHE -o OUTPUT --from \(layout.name)"]
          + (isWritten ? ["sumac cache convert CACHE -o OUTPUT --to \(layout.name)"] : []),
        "A layout of key-value caches: \(layout.summary).\n"
          + (isWritten ? "Read and written." : "Read, not written."))
    }
  }

  static var ropeTypes: [RegistryTopic] {
    RopeTypes.all.map { type in
      let other = type.aliases.isEmpty ? "" : ", also \(type.aliases.joined(separator: ", "))"
      let keys =
        type.parameterKeys.isEmpty
        ? "It has no parameters."
        : (["Parameters:"] + TopicList.lines(type.parameterKeys).map { "  " + $0 })
          .joined(separator: "\n")
      return RegistryTopic(
        type.name, usage: ["sumac rope show MODEL"],
        "A rope_type of config.json\(other): \(type.summary).\n\(keys)")
    }
  }

  static var engines: [RegistryTopic] {
    TaskEngines.all.map { engine in
      RegistryTopic(
        engine.name, usage: ["sumac plan PLAN.json --emit \(engine.name) -o FOLDER"],
        "An engine that runs the tasks of a plan: \(engine.summary). sumac writes the scripts and\n"
          + "\(engine.templateName), the settings of the site, which may be edited.")
    }
  }
}

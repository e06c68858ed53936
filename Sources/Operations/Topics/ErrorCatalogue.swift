import AdaMerging
import Archives
package import Base
import CacheCompression
import Caches
import Checkpoints
import Conversion
import Evaluation
import LibArchive
import Merging
import ModelDirectories
import Networks
import NumPy
import ONNX
import PackedFormat
import Packing
import Pruning
import PyTorch
import Recipes
package import Reporting
import Rotary
import RotaryScaling
import Safetensors
import ScalingLaws
import TokenData
import Tokenizers
import Training
import Zip

/// Every code that an error about a file can have, with its meaning and remedy.
package enum ErrorCatalogue {
  /// The codes of all modules, by name.
  package static let all: [FormatError.Code] = codes.sorted {
    $0.description.precedesAsBytes($1.description)
  }

  /// One line for each module that declares codes.
  private static let codes: [FormatError.Code] =
    PackedFault.allCases.map(\.code)
    + SafetensorsFault.allCases.map(\.code)
    + ZipFault.allCases.map(\.code)
    + PyTorchFault.allCases.map(\.code)
    + NumPyFault.allCases.map(\.code)
    + ONNXFault.allCases.map(\.code)
    + TokenizerFault.allCases.map(\.code)
    + TokenFault.allCases.map(\.code)
    + [.unknownContainer]
    + [.compressedMember]
    + [.lfsPointer, .downloadedText, .brokenLink]
    + [.modelDirectory, .noWeights, .shardIndex, .hubCache, .severalModels]
    + [.nonfiniteValue, .valuesTooSmall, .valuesTooLarge]
    + [.recipe]
    + [.batchJobs]
    + [.plan, .planInput]
    + [.reportDocument]
    + [.clex]
    + [.ropeConfig, .noRotation]
    + [.cacheShape, .cacheLayout, .nonfiniteCache]
    + [.cacheTooLarge]
    + [.unmergeable, .nanOperand, .adapter, .vectorDType, .otherBase]
    + [.coefficientsDiverged, .learningData, .classifierHead]
    + [.badSurvey, .negativeNorm]
    + [.calibration]
    + [.networkConfiguration, .networkTensor, .networkPositions]
    + [.nonfiniteStates, .evaluatedModel, .tokenData, .sentenceModules]
    + [.trainingData, .trainingDiverged, .trainingState]
    + [.lossTable, .repeatHistogram]
    + ArchiveFault.allCases.map(\.code)
    + [.archiveLibrary, .damagedArchive, .emptyFolder, .notAnArchive]

  /// The code of a name, in letters of either case and with or without the brackets that messages have.
  package static subscript(name: String) -> FormatError.Code? {
    let name = normalized(name)
    return all.first { $0.description == name }
  }

  /// Returns the code whose name was probably misspelled; nil if `name` is not like one.
  package static func nearest(to name: String) -> FormatError.Code? {
    let name = normalized(name)
    guard let dot = name.firstIndex(of: ".") else { return nil }
    let family = all.filter { $0.description.hasPrefix(name[...dot]) }.map(\.description)
    return Nearest.name(name, of: family).flatMap { self[$0] }
  }

  private static func normalized(_ name: String) -> String {
    let hasBrackets = name.hasPrefix("[") && name.hasSuffix("]") && name.count > 2
    return (hasBrackets ? String(name.dropFirst().dropLast()) : name).lowercased()
  }
}

/// An entry of the catalogue of errors, as `explain` shows it.
package struct ErrorReport: Report {
  package static let schema = "sumac.error/1"

  private let code: FormatError.Code

  package init(_ code: FormatError.Code) { self.code = code }

  package var sections: [Section] {
    [
      .facts([
        Section.Fact("code", code.description), Section.Fact("meaning", code.meaning),
        Section.Fact("remedy", code.remedy),
      ])
    ]
  }

  package var records: Table {
    Table(
      ["code", "meaning", "remedy"].map { Table.Column($0) },
      rows: [[code.description, code.meaning, code.remedy]])
  }

  package var members: JSONObject {
    [
      "code": .string(code.description), "meaning": .string(code.meaning),
      "remedy": .string(code.remedy),
    ]
  }

  package var lines: [JSONValue] { [.object(members)] }
}

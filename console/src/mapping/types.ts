import type { components } from '../../generated/schema'

type Shapes = components['schemas']

export type Rule = Shapes['FieldRule']
export type Transform = Rule['transform']
export type TransformKind = Transform['kind']
export type Policy = Rule['policy']
export type Question = Shapes['Question']
export type MasterField = Shapes['MasterFieldShown']
export type FieldKind = MasterField['type']
export type Target = Shapes['TargetShown']
export type Suggestion = Shapes['SuggestionShown']
export type MappingProblem = Shapes['MappingProblemShown']
export type SourceFormDetail = Shapes['SourceFormDetail']
export type Finding = Shapes['FindingShown']
export type Mapping = Shapes['MappingShown']
export type Defaults = Shapes['DefaultsShown']
export type Answers = Record<string, string[]>

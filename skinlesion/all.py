"""What notebooks use: `from skinlesion.all import *`; all else is imported from its module

None of these names is one of fastai's, so `from fastai.vision.all import *` may stand next to it, in either order."""
from .core import InputError, MissingPackage, missing_package
from .image import InputSpec, open_image, prepare
from .score_names import METRICS, score_title
from .store.fetch import fetch
from .synth.sets import sample
from .synth.predictions import synthetic_predictions
from .data.cases import Cases, as_cases, count_cases
from .data.layouts import known_sets, read_cases
from .data.load import cases_text, load_cases
from .data.overview import show_cases, table_one
from .data.audit import audit
from .data.shortcuts import shortcut_score
from .data.deduplicate import drop_duplicates
from .data.split import folds, groups_across_splits, split_cases
from .evaluate.table import Predictions, as_predictions, predictions, predictions_table, read_predictions
from .evaluate.metrics import metrics, metrics_table, paired_differences
from .evaluate.calibration import plot_reliability
from .evaluate.conformal import sets_table
from .evaluate.figures import plot_confusion, plot_roc
from .evaluate.operating import fit_thresholds, operating_table, plot_decision_curve
from .evaluate.referral import plot_risk_coverage
from .evaluate.subgroups import subgroups
from .evaluate.errors import errors_section
from .evaluate.report import Report, report
from .evaluate.compare import ModelComparison, compare
from .serve.bundle import open_bundle
from .serve.answer import Answer, Answers
from .serve.predictor import Predictor, predict
from .serve.batch import score
from .evaluations import evaluate
from .evaluate.drift import Drift
from .monitoring import drift

try: # what trains, which needs the extra `train`
    from .models.registry import build_model
    from .train.seeding import seed_everything
    from .train.recipe import Recipe, make_recipe, shipped_recipes
    from .train.loaders import lesion_dls
    from .train.learner import fit, lesion_learner
    from .train.tracking import TrackRun
    from .train.run import Run
    from .train.finish import export_bundle
    from .train.sweep import sweep
    from .commands import train
except ModuleNotFoundError as error:
    missing_module = error.name or ''
    if missing_module.startswith('skinlesion'): raise

__all__ = [
    'InputError',
    'InputSpec', 'open_image', 'prepare',
    'METRICS', 'score_title',
    'fetch',
    'sample', 'synthetic_predictions',
    'Cases', 'as_cases', 'count_cases', 'known_sets', 'read_cases', 'cases_text', 'load_cases',
    'show_cases', 'table_one', 'audit', 'shortcut_score', 'drop_duplicates', 'folds', 'groups_across_splits', 'split_cases',
    'build_model',
    'seed_everything', 'Recipe', 'make_recipe', 'shipped_recipes', 'lesion_dls', 'fit', 'lesion_learner', 'TrackRun', 'Run',
    'export_bundle', 'sweep', 'evaluate', 'train',
    'Predictions', 'as_predictions', 'predictions', 'predictions_table', 'read_predictions',
    'metrics', 'metrics_table', 'paired_differences',
    'plot_reliability', 'sets_table', 'plot_confusion', 'plot_roc',
    'fit_thresholds', 'operating_table', 'plot_decision_curve', 'plot_risk_coverage', 'subgroups', 'errors_section',
    'Report', 'report', 'ModelComparison', 'compare', 'Drift', 'drift',
    'open_bundle', 'Answer', 'Answers', 'Predictor', 'predict', 'score',
]


def __getattr__(name):
    "Where the extra `train` is not installed, what stands for a name of training: calling it says what to install"
    if name not in __all__: raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    def missing(*args, **kwargs): raise MissingPackage(missing_package(missing_module, 'train'))
    missing.__name__ = name
    return missing

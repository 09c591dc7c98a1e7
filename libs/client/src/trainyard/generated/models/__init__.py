"""Contains all the data models used in inputs/outputs"""

from .access import Access
from .artifact_list import ArtifactList
from .artifact_out import ArtifactOut
from .artifact_put import ArtifactPut
from .attempt_list import AttemptList
from .attempt_out import AttemptOut
from .attempt_out_system import AttemptOutSystem
from .best import Best
from .body_register_model import BodyRegisterModel
from .cause import Cause
from .class_counts import ClassCounts
from .completed_part import CompletedPart
from .credentials_response_credentials import CredentialsResponseCredentials
from .dataset_create import DatasetCreate
from .dataset_created import DatasetCreated
from .dataset_links import DatasetLinks
from .dataset_list import DatasetList
from .dataset_out import DatasetOut
from .dataset_problem import DatasetProblem
from .dataset_problem_severity import DatasetProblemSeverity
from .dataset_status import DatasetStatus
from .distributed import Distributed
from .field_error import FieldError
from .finish_in import FinishIn
from .finish_in_cause import FinishInCause
from .health import Health
from .heartbeat_accepted import HeartbeatAccepted
from .heartbeat_accepted_command import HeartbeatAcceptedCommand
from .heartbeat_in import HeartbeatIn
from .heartbeat_in_metrics import HeartbeatInMetrics
from .heartbeat_in_phase_type_0 import HeartbeatInPhaseType0
from .heartbeat_in_system import HeartbeatInSystem
from .image_counts import ImageCounts
from .job_attach import JobAttach
from .job_attach_config import JobAttachConfig
from .job_attached import JobAttached
from .job_create import JobCreate
from .job_create_config import JobCreateConfig
from .job_edit import JobEdit
from .job_list import JobList
from .job_out import JobOut
from .job_out_config import JobOutConfig
from .job_out_metrics import JobOutMetrics
from .job_status import JobStatus
from .job_weights import JobWeights
from .log_accepted import LogAccepted
from .log_accepted_command import LogAcceptedCommand
from .main_metric import MainMetric
from .main_metric_goal import MainMetricGoal
from .metrics_list import MetricsList
from .metrics_out import MetricsOut
from .metrics_out_values import MetricsOutValues
from .model_version import ModelVersion
from .model_version_list import ModelVersionList
from .model_version_tags import ModelVersionTags
from .platform import Platform
from .platform_jobs import PlatformJobs
from .platform_training_mode import PlatformTrainingMode
from .problem_out import ProblemOut
from .promotion import Promotion
from .promotion_split import PromotionSplit
from .readiness import Readiness
from .readiness_checks import ReadinessChecks
from .readiness_status import ReadinessStatus
from .report import Report
from .resources import Resources
from .task import Task
from .token_create import TokenCreate
from .token_create_access import TokenCreateAccess
from .token_created import TokenCreated
from .token_list import TokenList
from .token_out import TokenOut
from .trainer_list import TrainerList
from .trainer_out import TrainerOut
from .trainer_out_accepts import TrainerOutAccepts
from .trainer_out_assets import TrainerOutAssets
from .trainer_out_assets_additional_property import TrainerOutAssetsAdditionalProperty
from .trainer_out_config_schema import TrainerOutConfigSchema
from .trainer_out_metrics import TrainerOutMetrics
from .trainer_out_pretrained import TrainerOutPretrained
from .trainer_summary import TrainerSummary
from .upload import Upload
from .upload_complete import UploadComplete
from .upload_part import UploadPart
from .weights_list import WeightsList
from .weights_out import WeightsOut
from .weights_put import WeightsPut
from .weights_upload import WeightsUpload

__all__ = (
    "Access",
    "ArtifactList",
    "ArtifactOut",
    "ArtifactPut",
    "AttemptList",
    "AttemptOut",
    "AttemptOutSystem",
    "Best",
    "BodyRegisterModel",
    "Cause",
    "ClassCounts",
    "CompletedPart",
    "CredentialsResponseCredentials",
    "DatasetCreate",
    "DatasetCreated",
    "DatasetLinks",
    "DatasetList",
    "DatasetOut",
    "DatasetProblem",
    "DatasetProblemSeverity",
    "DatasetStatus",
    "Distributed",
    "FieldError",
    "FinishIn",
    "FinishInCause",
    "Health",
    "HeartbeatAccepted",
    "HeartbeatAcceptedCommand",
    "HeartbeatIn",
    "HeartbeatInMetrics",
    "HeartbeatInPhaseType0",
    "HeartbeatInSystem",
    "ImageCounts",
    "JobAttach",
    "JobAttachConfig",
    "JobAttached",
    "JobCreate",
    "JobCreateConfig",
    "JobEdit",
    "JobList",
    "JobOut",
    "JobOutConfig",
    "JobOutMetrics",
    "JobStatus",
    "JobWeights",
    "LogAccepted",
    "LogAcceptedCommand",
    "MainMetric",
    "MainMetricGoal",
    "MetricsList",
    "MetricsOut",
    "MetricsOutValues",
    "ModelVersion",
    "ModelVersionList",
    "ModelVersionTags",
    "Platform",
    "PlatformJobs",
    "PlatformTrainingMode",
    "ProblemOut",
    "Promotion",
    "PromotionSplit",
    "Readiness",
    "ReadinessChecks",
    "ReadinessStatus",
    "Report",
    "Resources",
    "Task",
    "TokenCreate",
    "TokenCreateAccess",
    "TokenCreated",
    "TokenList",
    "TokenOut",
    "TrainerList",
    "TrainerOut",
    "TrainerOutAccepts",
    "TrainerOutAssets",
    "TrainerOutAssetsAdditionalProperty",
    "TrainerOutConfigSchema",
    "TrainerOutMetrics",
    "TrainerOutPretrained",
    "TrainerSummary",
    "Upload",
    "UploadComplete",
    "UploadPart",
    "WeightsList",
    "WeightsOut",
    "WeightsPut",
    "WeightsUpload",
)

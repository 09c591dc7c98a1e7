from smoke.executor.attempts import executor, make, told
from smoke.executor.namespace import kubeconfig, template

__all__ = ["executor", "kubeconfig", "make", "template", "told"]

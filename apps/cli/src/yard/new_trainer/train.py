"""Trains a small convolutional network to tell a dataset's classes apart."""

import copy
from pathlib import Path

import torch
import trainyard_trainer
from PIL import Image
from torch import nn
from torch.nn import functional

METRIC = "metrics/accuracy_top1"


def main():
    with trainyard_trainer.attempt() as attempt:
        torch.manual_seed(attempt.config["seed"])
        device = "cuda" if torch.cuda.is_available() else "cpu"
        attempt.report(phase="preparing")
        dataset = attempt.dataset()
        size = attempt.config["imgsz"]
        splits = {
            name: read(images, dataset.names, size) for name, images in dataset.images.items()
        }
        if "val" not in splits:
            raise trainyard_trainer.Failed("dataset_invalid", "The dataset has no split val.")
        Training(attempt, dataset.names, splits, device).run()


class Training:
    def __init__(self, attempt, names, splits, device):
        self.attempt, self.names, self.splits, self.device = attempt, names, splits, device
        self.config = attempt.config
        self.model = network(len(names)).to(device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.config["lr0"])
        self.best = {"epoch": -1, "accuracy": -1.0, "model": self.model.state_dict()}

    def run(self):
        epochs = self.config["epochs"]
        for epoch in range(self.resume(), epochs):
            loss = self.train_epoch()
            confusion, val_loss = self.validate()
            metrics = results(confusion)
            values = {"train/loss": loss, "val/loss": val_loss, **metrics}
            print(f"epoch {epoch + 1}/{epochs}", *(f"{k} {v:.4f}" for k, v in values.items()))
            self.attempt.report(epoch, values, progress=(epoch + 1) / epochs)
            if metrics[METRIC] > self.best["accuracy"]:
                model = copy.deepcopy(self.model.state_dict())
                self.best = {"epoch": epoch, "accuracy": metrics[METRIC], "model": model}
                self.save_best(confusion, interim=True)
            self.save_checkpoint(epoch)
            if self.attempt.ending:
                break
        self.model.load_state_dict(self.best["model"])
        self.save_best(self.validate()[0], interim=False)

    def train_epoch(self):
        images, classes = self.splits["train"]
        self.model.train()
        total = 0.0
        for batch in torch.randperm(len(images)).split(self.config["batch"]):
            outputs = self.model(images[batch].to(self.device))
            loss = functional.cross_entropy(outputs, classes[batch].to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(batch)
        return total / len(images)

    @torch.no_grad()
    def validate(self):
        """Counts by true and predicted class, and the mean loss."""
        images, classes = self.splits["val"]
        self.model.eval()
        batches = images.split(self.config["batch"])
        outputs = torch.cat([self.model(batch.to(self.device)).cpu() for batch in batches])
        count = len(self.names)
        pairs = torch.bincount(classes * count + outputs.argmax(1), minlength=count * count)
        return pairs.view(count, count), functional.cross_entropy(outputs, classes).item()

    def resume(self):
        """Take up the last attempt's state; returns the epoch to begin with."""
        checkpoint = self.attempt.resume()
        if checkpoint is None:
            return 0
        state = torch.load(checkpoint.path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        print(f"goes on after epoch {checkpoint.epoch + 1}")
        return checkpoint.epoch + 1

    def save_checkpoint(self, epoch):
        path = self.attempt.folder / "checkpoint.pt"
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save({**state, "best": self.best}, path)
        self.attempt.save_checkpoint(path, epoch)

    def save_best(self, confusion, *, interim):
        path = self.attempt.folder / "best.pt"
        model = {"model": self.best["model"], "names": self.names, "imgsz": self.config["imgsz"]}
        torch.save(model, path)
        self.attempt.save(path)
        counts = confusion.tolist()
        self.attempt.save_evaluation(
            path,
            METRIC,
            results(confusion),
            epoch=self.best["epoch"],
            interim=interim,
            classes=[
                {
                    "index": index,
                    "name": name,
                    "images": sum(row),
                    "instances": sum(row),
                    "metrics": {METRIC: row[index] / sum(row)} if sum(row) else {},
                }
                for index, (name, row) in enumerate(zip(self.names, counts, strict=True))
            ],
            confusion={
                "size": len(self.names),
                "background": None,
                "cells": [
                    [predicted, true, counts[true][predicted]]
                    for true in range(len(counts))
                    for predicted in range(len(counts))
                    if counts[true][predicted]
                ],
            },
        )


def network(classes):
    layers = []
    for before, after in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


def read(images, names, size):
    """The images as one tensor (images, 3, size, size) from 0 to 1, and their classes."""
    pictures = torch.stack([read_one(path, size) for path, _ in images])
    return pictures, torch.tensor([names.index(Path(path).parent.name) for path, _ in images])


def read_one(path, size):
    with Image.open(path) as image:
        data = bytearray(image.convert("RGB").resize((size, size)).tobytes())
    return torch.frombuffer(data, dtype=torch.uint8).view(size, size, 3).permute(2, 0, 1) / 255


def results(confusion):
    return {METRIC: (confusion.diagonal().sum() / confusion.sum()).item()}


if __name__ == "__main__":
    main()

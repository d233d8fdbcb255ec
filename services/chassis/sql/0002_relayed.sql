-- How far the relay has published is one number: `pos`.
alter table relayed drop column published;
